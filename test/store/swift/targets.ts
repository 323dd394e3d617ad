/**
 * The real servers that the Swift adapter is tested on, given by the environment; without them the tests are skipped.
 * `PAILFS_TEST_SWIFT_V1`, `PAILFS_TEST_SWIFT_RGW`: `ADDRESS USER KEY` of v1 authentication.
 * `PAILFS_TEST_SWIFT_V3`: an openrc-like list of `OS_NAME=value`, separated by blanks.
 */
import type { Clock } from '../../../src/core/ports.ts'
import { resolveConfig, type SwiftConfig } from '../../../src/store/swift/config.ts'
import type { SwiftOpenOptions } from '../../../src/store/swift/open.ts'

export interface Target {
  readonly name: string
  readonly config: SwiftConfig
}

export const clock: Clock = {
  now: () => Date.now(),
  after(delay, then) {
    const timer = setTimeout(then, delay)
    return { cancel: () => clearTimeout(timer) }
  },
}

export const openOptions: SwiftOpenOptions = { clock, random: Math.random }

export function targets(): Target[] {
  const found: Target[] = []
  for (const [name, variable] of [
    ['Swift, v1', 'PAILFS_TEST_SWIFT_V1'],
    ['RGW', 'PAILFS_TEST_SWIFT_RGW'],
  ] as const) {
    const [ST_AUTH, ST_USER, ST_KEY] = (process.env[variable] ?? '').split(' ')
    if (ST_KEY === undefined) continue
    found.push({ name, config: resolve({ ST_AUTH, ST_USER, ST_KEY }) })
  }
  const v3 = process.env['PAILFS_TEST_SWIFT_V3']
  if (v3 !== undefined) {
    const pairs = v3.split(' ').map(pair => pair.split('=', 2) as [string, string])
    found.push({ name: 'Swift, Keystone', config: resolve(Object.fromEntries(pairs)) })
  }
  return found
}

export function resolve(env: Readonly<Record<string, string | undefined>>): SwiftConfig {
  return resolveConfig({ env, readFile: () => undefined, home: '/nowhere' })
}
