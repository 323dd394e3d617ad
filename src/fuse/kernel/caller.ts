/**
 * Whether the program that waits for a request is to end, by proc(5). In doubt it is not: an EINTR that nobody asked
 * for breaks a living program, while one that has gone does not mind when its request is answered.
 */
import { readFileSync } from 'node:fs'

/** As in the masks of proc(5). */
export function bits(...signals: number[]): bigint {
  return signals.reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n)
}

/** The text of /proc/PID/status. Throws as `readFileSync`. */
export type ReadStatus = (pid: number) => string

function statusOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'latin1')
}

/** Whether one of these signals waits for a thread and is not blocked there, or the thread is there no more. */
export function isToEnd(pid: number, signals: bigint, read: ReadStatus = statusOf): boolean {
  if (pid === 0) return false
  try {
    const text = read(pid)
    const mask = (name: string) =>
      BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(text)?.[1] ?? '0'}`)
    const pending = mask('SigPnd') | mask('ShdPnd')
    return (pending & signals & ~mask('SigBlk')) !== 0n
  } catch (error) {
    // Anything else (no descriptor left, no memory, /proc not to be read) says nothing about it.
    return ['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}
