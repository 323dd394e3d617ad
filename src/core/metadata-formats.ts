/**
 * The text formats of modes and times in user metadata: parsers, which answer undefined for anything else, and
 * their inverses.
 */
import { S_IFMT, kindOfMode } from './posix.ts'
import type { Nanoseconds } from './types.ts'

const SECOND = 1_000_000_000n
const MILLISECOND = 1_000_000n
const SPECIAL_BITS = 0o7000

/** A user or group id. 2^32-1 means "no id" in POSIX and is none. */
export function parseId(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff ? Number(text) : undefined
}

/** A device's number: decimal, or hexadecimal after `0x`. */
export function parseDevice(text: string): number | undefined {
  if (!/^(\d{1,10}|0x[0-9a-f]{1,8})$/i.test(text)) return undefined
  return Number(text) <= 0xffff_ffff ? Number(text) : undefined
}

/** Octal digits: bare permissions, or with the type. */
export function parseOctal(text: string): number | undefined {
  return /^[0-7]{1,7}$/.test(text) ? checked(Number.parseInt(text, 8)) : undefined
}

/** As C's strtol with base 0: octal after a leading 0, else decimal. */
export function parseBaseZero(text: string): number | undefined {
  if (text.startsWith('0')) return parseOctal(text)
  return /^\d{1,5}$/.test(text) ? checked(Number(text)) : undefined
}

/** Bare permissions or a mode with a type. */
function checked(mode: number): number | undefined {
  return mode <= 0o7777 || typed(mode) ? mode : undefined
}

function typed(mode: number): boolean {
  return mode <= 0xffff && kindOfMode(mode) !== undefined
}

/**
 * The `mode` field. s3fs and geesefs write st_mode in decimal, rclone in octal, and nothing tells which: a leading 0
 * is octal; else the reading that is a mode with a type; if both are, the one without setuid, setgid and sticky
 * bits, else decimal; if neither is, octal bare permissions. No file, directory or symlink with permissions up to
 * 0777 is read wrongly in either notation.
 */
export function parseMode(text: string): number | undefined {
  if (text.startsWith('0')) return parseOctal(text)
  if (!/^\d{1,7}$/.test(text)) return undefined
  const decimal = Number(text)
  const octal = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Infinity
  if (typed(decimal) && typed(octal)) {
    return (decimal & SPECIAL_BITS) !== 0 && (octal & SPECIAL_BITS) === 0 ? octal : decimal
  }
  if (typed(decimal)) return decimal
  return typed(octal) || octal <= 0o7777 ? octal : undefined
}

/** Decimal as s3fs has it, unless that would be read as another one: then octal after a 0, which s3fs takes too. */
export function formatMode(mode: number): string {
  const decimal = String(mode)
  return parseMode(decimal) === mode ? decimal : formatOctal(mode)
}

/** Octal with a leading 0. */
export function formatOctal(mode: number): string {
  return `0${mode.toString(8)}`
}

/** Octal permissions without the type. */
export function formatPermissions(mode: number): string {
  return (mode & ~S_IFMT).toString(8)
}

/** `SEC` or `SEC.FRACTION`, any number of digits, as rclone, swift and s3fs have it; or RFC 3339. */
export function parseTime(text: string): Nanoseconds | undefined {
  const found = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(text)
  if (found === null) return parseRfc3339(text)
  const [, sign, seconds, fraction = ''] = found
  const time = BigInt(seconds!) * SECOND + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
  return sign === '-' ? -time : time
}

/** `SEC` or `SEC.NNNNNNNNN`: s3fs takes the digits after the point for nanoseconds, so nine or none. */
export function formatTime(time: Nanoseconds): string {
  const size = time < 0n ? -time : time
  const fraction = size % SECOND === 0n ? '' : `.${String(size % SECOND).padStart(9, '0')}`
  return `${time < 0n ? '-' : ''}${size / SECOND}${fraction}`
}

/** FSx for Lustre, DataSync: `123ns`, or milliseconds without the unit. */
export function parseUnitTime(text: string): Nanoseconds | undefined {
  const found = /^(-?\d{1,21})(ns)?$/.exec(text)
  if (found === null) return undefined
  return BigInt(found[1]!) * (found[2] === undefined ? MILLISECOND : 1n)
}

export function formatUnitTime(time: Nanoseconds): string {
  return `${time}ns`
}

/** Whole seconds. */
export function parseSeconds(text: string): Nanoseconds | undefined {
  return /^-?\d{1,12}$/.test(text) ? BigInt(text) * SECOND : undefined
}

/** Whole seconds, rounded down. */
export function formatSeconds(time: Nanoseconds): string {
  return String(floorDivide(time, SECOND))
}

const RFC3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$/

/** gcsfuse, rclone --metadata: `2026-08-01T12:00:00.123456789Z`. */
export function parseRfc3339(text: string): Nanoseconds | undefined {
  const found = RFC3339.exec(text)
  if (found === null) return undefined
  const [, date, clock, fraction = '', zone] = found
  const whole = Date.parse(`${date}T${clock}${zone!.toUpperCase()}`)
  if (Number.isNaN(whole)) return undefined
  return BigInt(whole) * MILLISECOND + BigInt(fraction.slice(0, 9).padEnd(9, '0'))
}

/** In UTC; undefined for years that have no four digits. */
export function formatRfc3339(time: Nanoseconds): string | undefined {
  const seconds = Number(floorDivide(time, SECOND))
  if (seconds < -62_167_219_200 || seconds > 253_402_300_799) return undefined
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19)
  return `${whole}.${String(time - floorDivide(time, SECOND) * SECOND).padStart(9, '0')}Z`
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return a % b < 0n ? quotient - 1n : quotient
}
