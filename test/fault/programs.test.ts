/**
 * Real programs through a bad network to a real server: each ends right, or with an error that says so, and never
 * hangs; once the network is well again a second run completes, and the bucket has what was meant.
 *
 * PAILFS_SEED: where the random choice of faults starts.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Mount } from '../support/mount.ts'
import { PROJECT } from '../support/servers.ts'
import { flush, onServers, type Session } from '../support/session.ts'
import { program, sh, shell } from '../support/shell.ts'
import { startStorm } from './storm.ts'

const SEED = Number(process.env['PAILFS_SEED'] ?? Date.now() % 1_000_000)
const FSX = join(PROJECT, '..', 'shared', 'suites', 'bin', 'fsx')
/** As fsx, of our own. */
const WRITER = join(PROJECT, 'test', 'fault', 'writer.py')
const ARGS = ['--read-timeout=6s', '--part-size=5MiB', '--write-back=200ms']
/** A program that takes longer hangs. */
const LIMIT = 180_000
const SQL = `
  create table t(a integer primary key, b blob);
  with recursive n(i) as (select 1 union all select i+1 from n where i<400)
    insert into t select i, zeroblob(i*10) from n;
  update t set b = hex(a) where a % 3 = 0;
  delete from t where a % 7 = 0;
  vacuum;`

t.setTimeout(900_000)

interface Case {
  readonly name: string
  /** Run in the mount; `$SOURCE` is a tree outside. Can be run again whatever came of the run before. */
  readonly line: string
  /** Run in the mount after the second run; fails if it is not right. */
  readonly check: string
  /** Below this, the bucket must equal the source. */
  readonly copied?: string
}

const CASES: readonly Case[] = [
  {
    name: 'rsync',
    line: 'mkdir -p r && rsync -rlt --inplace "$SOURCE"/ r/',
    check: 'diff -r "$SOURCE" r',
    copied: 'r/',
  },
  {
    name: 'rsync with temporary files',
    line: 'mkdir -p s && rsync -a "$SOURCE"/ s/',
    check: 'diff -r "$SOURCE" s',
    copied: 's/',
  },
  {
    name: 'tar',
    line: 'mkdir -p x && tar -C "$SOURCE" -cf - . | tar -C x -xf -',
    check: 'diff -r "$SOURCE" x',
    copied: 'x/',
  },
  {
    name: 'sqlite3',
    line: `rm -f db db-journal && python3 -c "
import sqlite3, sys
c = sqlite3.connect('db', isolation_level=None)
c.executescript('''${SQL}''')
c.close()"`,
    check: `python3 -c "
import sqlite3
c = sqlite3.connect('db')
assert c.execute('pragma integrity_check').fetchone()[0] == 'ok'
assert c.execute('select count(*) from t').fetchone()[0] == 343"`,
  },
  {
    name: 'random writer',
    line: `/usr/bin/python3 "${WRITER}" random 7 600`,
    check: 'test -s random',
  },
  {
    name: 'fsx',
    line: `rm -f fsx.f* && "${FSX}" -q -S 7 -N 600 -F -H -z -C -I -J -B -E -0 -u -P /tmp fsx.f`,
    check: 'test -s fsx.f',
  },
  {
    name: 'fsx with fsync',
    line: `rm -f fsy.f* && "${FSX}" -q -S 8 -N 120 -y -W -R -F -H -z -C -I -J -B -E -0 -u -P /tmp fsy.f`,
    check: 'test -s fsy.f',
  },
]

await onServers(
  'programs through a storm',
  async (t, session) => {
    t.comment(`PAILFS_SEED=${SEED}`)
    const mount = await session.mount({ args: ARGS })
    const source = join(mount.work, 'source')
    await makeSource(source)
    const noFsx = await whyNoFsx()
    for (const [index, one] of CASES.entries()) {
      const skip = one.name.startsWith('fsx') && noFsx
      await t.test(one.name, { skip }, t => runCase(t, session, mount, one, SEED + index))
    }
    t.equal(await mount.stop(), 0)
    const { Uploads } = await session.client.call('list_multipart_uploads')
    t.same(Uploads ?? [], [], 'no unfinished upload is left')
  },
  ['rgw'],
)

/** It is not the project's, and needs libraries of its own (libaio, liburing). */
async function whyNoFsx(): Promise<string | false> {
  if (!existsSync(FSX)) return 'no fsx here'
  const { code, err } = await program(FSX, ['-h'])
  return code === 127 && `fsx does not start: ${err.trim()}`
}

async function runCase(
  t: Test,
  { proxy, client }: Session,
  mount: Mount,
  one: Case,
  seed: number,
): Promise<void> {
  const source = join(mount.work, 'source')
  const options = { cwd: mount.dir, env: { SOURCE: source }, timeout: LIMIT }
  const storm = startStorm(proxy, seed)
  const before = performance.now()
  const first = await shell(`set -eo pipefail; ${one.line}`, options)
  const seconds = Math.round((performance.now() - before) / 100) / 10
  if (first.code === 0) {
    const checked = await shell(one.check, options)
    // Reading may fail in a storm, but nothing that was read may be wrong.
    if (checked.code !== 0)
      t.match(checked.err, /timed out|Input\/output error|Stale|I\/O/, one.check)
  } else t.match(first.err, /timed out|error|Stale|denied/i, 'it says what went wrong')
  t.notMatch(first.err, /WRONG BYTES/)
  storm.end()
  const hits = storm.hits()
  t.comment(`figures: ${JSON.stringify({ program: one.name, code: first.code, seconds, hits })}`)
  await sh(one.line, options)
  await sh(one.check, options)
  // The end of an upload may be silent for ten times the read timeout: as long as a command may take here.
  await flush(mount).catch(() => flush(mount))
  if (one.copied === undefined) return
  const [local, remote] = [await hashesOf(source), new Map<string, string>()]
  for (const { key } of await client.list(one.copied)) {
    if (!key.endsWith('/')) remote.set(key.slice(one.copied.length), md5(await client.get(key)))
  }
  t.same(Object.fromEntries(remote), Object.fromEntries(local), 'the bucket has it')
}

/** Some 50 files from nothing to 18 MB, in folders, one with a strange name. */
async function makeSource(folder: string): Promise<void> {
  await sh(`mkdir -p "${folder}/a/b" "${folder}/ü ö" && cd "${folder}"
    for i in $(seq 1 40); do head -c $((i * i * 97)) /dev/urandom > a/f$i; done
    : > a/b/empty; head -c 18000000 /dev/urandom > large; head -c 3000000 /dev/urandom > "ü ö/m+%41"`)
}

async function hashesOf(folder: string): Promise<Map<string, string>> {
  const hashes = new Map<string, string>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    hashes.set(path.slice(folder.length + 1), md5(await readFile(path)))
  }
  return hashes
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}
