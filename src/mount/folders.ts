/**
 * Where a mount keeps its things on this machine.
 *
 * - State (journal, staged files, log): `$XDG_STATE_HOME/pailfs/<bucket>`, or `--state-dir`.
 * - Run (socket and record of each mount): `$XDG_RUNTIME_DIR/pailfs`, or `run` in the state folder.
 *
 * All folders are private (0700): they hold the user's data and names.
 */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { ConfigError } from './config.ts'
import { serverIdentity } from './endpoint.ts'
import type { Config, ConfigInput } from './config.ts'

/** sun_path of unix(7), less its final zero. */
const MAX_SOCKET_PATH = 107

type Environment = Readonly<Record<string, string | undefined>>

/** The user's state folder of pailfs. */
export function stateRoot(env: Environment = process.env): string {
  const home = env['XDG_STATE_HOME']
  return join(home?.startsWith('/') ? home : join(homedir(), '.local/state'), 'pailfs')
}

/** Folders that may hold the records of mounts, the one to write first. */
export function runFolders(env: Environment = process.env): readonly string[] {
  const runtime = env['XDG_RUNTIME_DIR']
  const fallback = join(stateRoot(env), 'run')
  return runtime?.startsWith('/') ? [join(runtime, 'pailfs'), fallback] : [fallback]
}

/** The folder of one bucket's journal: a mount of the same bucket and prefix finds what an earlier one left. */
export function bucketFolder(config: Config, env: Environment = process.env): string {
  const { family, bucket, prefix } = config.source
  const identity = [family, serverIdentity(config, env), bucket, prefix]
  const readable = bucket.replaceAll(/[^\w.-]/g, '_').slice(0, 60)
  return join(
    config.stateDir ?? stateRoot(env),
    `${family}-${readable}-${hash(identity.join('\0'))}`,
  )
}

/** Names the files of one mount in a run folder. */
export function mountId(mountPoint: string): string {
  return hash(mountPoint)
}

/** The socket for a mount point; throws ConfigError when the system allows no path that long. */
export function socketPath(folder: string, mountPoint: string): string {
  const path = join(folder, `${mountId(mountPoint)}.sock`)
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new ConfigError(
      `the path of the control socket is too long: ${path}`,
      'Set XDG_RUNTIME_DIR to a shorter folder',
    )
  }
  return path
}

/** Makes a folder that only its owner can enter; throws ConfigError if it is somebody else's. */
export function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stat = lstatSync(folder)
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
    throw new ConfigError(
      `${folder} is not a folder of yours`,
      'Remove it or choose another with --state-dir',
    )
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700)
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** The log of a mount in the background. Its folder is made. */
export function logFileOf(config: Config, env: Environment = process.env): string {
  if (config.log.file !== undefined) return config.log.file
  const folder = join(stateRoot(env), 'log')
  makePrivate(folder)
  return join(folder, `${mountId(config.mountPoint)}.log`)
}

const PATHS = ['caBundle', 'stateDir', 'logFile'] as const

/** Paths as given are meant from the folder the user is in; the daemon leaves it. */
export function absolutePaths(input: Partial<ConfigInput>): Partial<ConfigInput> {
  const paths = PATHS.flatMap(name => {
    const path = input[name]
    return path === undefined ? [] : [[name, resolve(path)] as const]
  })
  return { ...input, ...Object.fromEntries(paths) }
}
