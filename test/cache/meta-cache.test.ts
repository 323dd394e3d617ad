/** The metadata cache: what is found, what survives, and that a broken disk is never an error. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { memoryMetaCache, openMetaCache } from '../../src/cache/meta-cache.ts'
import type { Log } from '../../src/core/ports.ts'
import { silentLog } from '../../src/core/ports.ts'

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
const meta = { contentType: 'text/plain', user: { mode: '33188', 'x-y': 'ä'.normalize('NFD') } }

function folder(t: { teardown(then: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'pailfs-meta-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function listening(): Log & { warnings: string[] } {
  const warnings: string[] = []
  return { ...silentLog, warnings, warn: event => void warnings.push(event) }
}

t.test('in memory, by version, bounded', async t => {
  const cache = memoryMetaCache(3000)
  cache.set('k', 'e', 1, meta)
  t.strictSame(cache.get('k', 'e', 1), meta)
  t.equal(cache.get('k', 'e', 2), undefined)
  t.equal(cache.get('k', 'f', 1), undefined)
  t.equal(cache.get('j', 'e', 1), undefined)
  for (let at = 0; at < 20; at++) cache.set(`k${at}`, 'e', 1, meta)
  t.equal(cache.get('k', 'e', 1), undefined)
  t.strictSame(cache.get('k19', 'e', 1), meta)
  await cache.close()
})

t.test('on disk, over a restart', async t => {
  const path = folder(t)
  const log = listening()
  const first = openMetaCache({ folder: path, log })
  const long = 'ü'.repeat(512)
  first.set('k', 'e', 1, meta)
  first.set(long, 'e', 1, { user: {} })
  await first.close()
  const second = openMetaCache({ folder: path, log })
  t.strictSame(second.get('k', 'e', 1), meta)
  t.strictSame(second.get(long, 'e', 1), { user: {} })
  t.equal(second.get('k', 'e', 2), undefined)
  await second.close()
  t.strictSame(log.warnings, [])
})

t.test('a bounded number of entries, those in use stay', async t => {
  const path = folder(t)
  const options = { folder: path, log: silentLog, maxEntries: 100, memoryBytes: 1000 }
  const cache = openMetaCache(options)
  for (let at = 0; at < 1000; at++) {
    cache.set(`k${at}`, 'e', 1, meta)
    if (at % 10 !== 9) continue
    // A write is found once it is committed, some time later.
    for (let tries = 0; tries < 200 && !cache.get('k5', 'e', 1); tries++) await setTimeout(10)
    t.ok(cache.get('k5', 'e', 1))
  }
  await cache.close()
  const again = openMetaCache(options)
  let found = 0
  for (let at = 0; at < 1000; at++) if (again.get(`k${at}`, 'e', 1) !== undefined) found++
  t.ok(found >= 50 && found <= 102, `${found} left`)
  t.strictSame(again.get('k999', 'e', 1), meta)
  await again.close()
})

t.test('a broken database is replaced, with a warning', async t => {
  const path = folder(t)
  const garbages = [
    Buffer.alloc(20_000, 0x5a),
    Buffer.from('short'),
    Buffer.alloc(8192),
    'cut',
    'crashed',
  ]
  for (const garbage of garbages) {
    const cache = openMetaCache({ folder: path, log: silentLog })
    cache.set('k', 'e', 1, meta)
    await cache.close()
    if (garbage === 'cut') truncateSync(join(path, 'meta.lmdb'), 12_000)
    else if (garbage === 'crashed') writeFileSync(join(path, 'open'), `${boot} 3`)
    else writeFileSync(join(path, 'meta.lmdb'), garbage)
    const log = listening()
    const next = openMetaCache({ folder: path, log })
    t.equal(next.get('k', 'e', 1), undefined)
    next.set('k', 'e', 1, meta)
    await next.close()
    const last = openMetaCache({ folder: path, log: silentLog })
    t.strictSame(last.get('k', 'e', 1), meta)
    await last.close()
    t.equal(log.warnings.length, 1)
  }
})

t.test('a killed process loses nothing', async t => {
  const path = folder(t)
  const code = `
    import { openMetaCache } from ${JSON.stringify(new URL('../../src/cache/meta-cache.js', import.meta.url).href)}
    const log = { warn() {} }
    const cache = openMetaCache({ folder: ${JSON.stringify(path)}, log })
    cache.set('k', 'e', 1, { user: { a: 'b' } })
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100)`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', code])
  t.equal(signal, 'SIGKILL')
  const log = listening()
  const cache = openMetaCache({ folder: path, log })
  t.strictSame(cache.get('k', 'e', 1), { user: { a: 'b' } })
  t.strictSame(log.warnings, [])
  await cache.close()
})

t.test('left open by an earlier boot: thrown away', async t => {
  const path = folder(t)
  const first = openMetaCache({ folder: path, log: silentLog })
  first.set('k', 'e', 1, meta)
  await first.close()
  t.notOk(readdirSync(path).includes('open'), 'no mark after a clean end')
  writeFileSync(join(path, 'open'), 'another-boot 0')
  const log = listening()
  const second = openMetaCache({ folder: path, log })
  t.equal(second.get('k', 'e', 1), undefined)
  t.equal(log.warnings.length, 1)
  await second.close()
})

t.test('without a usable folder it works in memory', async t => {
  const path = folder(t)
  writeFileSync(join(path, 'file'), '')
  chmodSync(join(path, 'file'), 0o400)
  const log = listening()
  const cache = openMetaCache({ folder: join(path, 'file', 'below'), log })
  cache.set('k', 'e', 1, meta)
  t.strictSame(cache.get('k', 'e', 1), meta)
  t.equal(log.warnings.length, 1)
  await cache.close()
})
