/**
 * Units as people write them: `64MiB`, `30s`, `0644`. Inside there are only bytes, milliseconds and numbers.
 * All parsers throw UnitError saying what is expected.
 */
import type { Bytes, Milliseconds } from '../core/types.ts'

export class UnitError extends Error {
  override readonly name = 'UnitError'
}

/** Powers of 1,024 with an i, of 1,000 with a B alone; one letter alone is 1,024, as rsync, dd and mkfs have it. */
const SIZES: ReadonlyMap<string, number> = new Map(
  ['', 'k', 'm', 'g', 't', 'p'].flatMap((letter, power): [string, number][] => [
    [letter, 1024 ** power],
    [`${letter}b`, power === 0 ? 1 : 1000 ** power],
    [`${letter}ib`, 1024 ** power],
  ]),
)

const DURATIONS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['', 1000],
  ['s', 1000],
  ['m', 60_000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** `64MiB`, `64M`, `1.5GB`, `4096`. */
export function parseSize(text: string): Bytes {
  const bytes = parseWith(text, SIZES, 'a size such as 64MiB, 10GB or 4096')
  if (!Number.isSafeInteger(Math.round(bytes))) throw new UnitError(`"${text}" is too large`)
  return Math.round(bytes)
}

/** `30s`, `500ms`, `5m`, `1h`, `2d`, or a plain number of seconds. */
export function parseDuration(text: string): Milliseconds {
  return Math.round(parseWith(text, DURATIONS, 'a time such as 30s, 500ms, 5m or 1h'))
}

/** Permission bits in octal: `644`, `0755`, `0o600`. */
export function parseMode(text: string): number {
  if (!/^(0o)?[0-7]{1,4}$/.test(text)) throw new UnitError(`"${text}" is not a mode such as 0644`)
  return Number.parseInt(text.replace('0o', ''), 8)
}

export function parseCount(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new UnitError(`"${text}" is not a whole number`)
  return Number(text)
}

/** For options that may be given a value: `true`, `no`, `1`, or nothing at all. */
export function parseFlag(text: string): boolean {
  if (/^(true|yes|on|1|)$/i.test(text)) return true
  if (/^(false|no|off|0)$/i.test(text)) return false
  throw new UnitError(`"${text}" is neither true nor false`)
}

export function formatSize(bytes: Bytes): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let step = 0
  while (value >= 1024 && step < names.length - 1) {
    value /= 1024
    step += 1
  }
  const digits = step === 0 || Number.isInteger(value) || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${names[step]}`
}

export function formatDuration(milliseconds: Milliseconds): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

function parseWith(text: string, units: ReadonlyMap<string, number>, expected: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = match ? units.get((match[2] ?? '').toLowerCase()) : undefined
  if (!match || unit === undefined) throw new UnitError(`"${text}" is not ${expected}`)
  return Number(match[1]) * unit
}
