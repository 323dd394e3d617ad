/**
 * The options of `pailfs mount`, in one table: each can be given as `--name`, as `-o name` (mount(8) style,
 * `_` or `-`), or in the environment as `PAILFS_NAME`; the command line wins over `-o`, `-o` over the
 * environment.
 */
import type { Options } from 'yargs'
import type { ConfigInput } from '../mount/config.ts'
import { UsageError } from './errors.ts'
import { MOUNT_OPTIONS } from './option-table.ts'
import type { OptionSpec } from './option-table.ts'
import { UnitError, parseCount, parseDuration, parseFlag, parseMode, parseSize } from './units.ts'

const BY_NAME = new Map(MOUNT_OPTIONS.map(option => [option.name, option]))

export function findOption(name: string): OptionSpec | undefined {
  return BY_NAME.get(name)
}

/** The table as yargs wants it. Values stay text here: `readOptions` parses them, wherever they came from. */
export function yargsOptions(): Record<string, Options> {
  return Object.fromEntries(
    MOUNT_OPTIONS.map(option => [
      option.name,
      {
        type: option.kind === 'flag' ? 'boolean' : 'string',
        group: option.group,
        describe: option.describe,
        ...(option.standard === undefined ? {} : { defaultDescription: option.standard }),
        ...(option.choices === undefined ? {} : { choices: option.choices }),
        ...(option.kind === 'flag' ? {} : { requiresArg: true }),
      } satisfies Options,
    ]),
  )
}

export interface OptionSources {
  /** As yargs has them. */
  readonly line: Readonly<Record<string, unknown>>
  /** From `-o`, by the long option's name. */
  readonly dashO: ReadonlyMap<string, string>
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The values of all options given anywhere. Throws UsageError naming the option and the place. */
export function readOptions(sources: OptionSources): Partial<ConfigInput> {
  const values: Record<string, unknown> = {}
  const places = [
    { label: (name: string) => variable(name), get: (name: string) => sources.env[variable(name)] },
    { label: (name: string) => `-o ${name}`, get: (name: string) => sources.dashO.get(name) },
    { label: (name: string) => `--${name}`, get: (name: string) => textOf(sources.line[name]) },
  ]
  // The later place wins; within one place `no-…` and its opposite exclude each other.
  for (const place of places) {
    const here = new Map<string, string>()
    for (const option of MOUNT_OPTIONS) {
      const text = place.get(option.name)
      if (text === undefined) continue
      const other = here.get(option.key)
      if (other !== undefined) {
        throw new UsageError(
          `${place.label(option.name)} and ${place.label(other)} exclude each other`,
        )
      }
      here.set(option.key, option.name)
      values[option.key] = parseOption(option, text, place.label(option.name))
    }
  }
  return values
}

function variable(name: string): string {
  return `PAILFS_${name.toUpperCase().replaceAll('-', '_')}`
}

function textOf(value: unknown): string | undefined {
  const last: unknown = Array.isArray(value) ? value.at(-1) : value
  if (typeof last === 'boolean') return String(last)
  return typeof last === 'string' ? last : undefined
}

function parseOption(option: OptionSpec, text: string, label: string): unknown {
  try {
    if (option.kind === 'flag') {
      return parseFlag(text) === (option.sets ?? !option.name.startsWith('no-'))
    }
    if (option.kind === 'text') return parseText(option, text)
    return PARSERS[option.kind](text)
  } catch (error) {
    if (error instanceof UnitError) throw new UsageError(`${label}: ${error.message}`)
    throw error
  }
}

const PARSERS = {
  size: parseSize,
  duration: parseDuration,
  mode: parseMode,
  count: parseCount,
} as const

function parseText(option: OptionSpec, text: string): string {
  if (text === '') throw new UnitError('a value is missing')
  if (option.choices && !option.choices.includes(text)) {
    throw new UnitError(`"${text}" is not one of ${option.choices.join(', ')}`)
  }
  return text
}
