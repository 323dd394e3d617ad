/** kill -9 at random moments: everything a child said was acknowledged is there afterwards. */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { silentLog } from '../../src/core/ports.ts'
import { openJournal } from '../../src/journal/lmdb-journal.ts'
import { recover } from '../../src/journal/recovery.ts'
import { byKey, freshFolder } from './subjects.ts'

const child = fileURLToPath(new URL('kill-child.js', import.meta.url))

/** Runs the child until it is killed; its lines. */
function runAndKill(folder: string, from: number, after: number): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, folder, String(from)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    running.stdout.on('data', (data: Buffer) => {
      if (output === '') setTimeout(() => running.kill('SIGKILL'), after)
      output += data.toString()
    })
    running.on('error', reject)
    running.on('close', (code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error(`child ended with ${code}`))
      else resolve(output.split('\n').slice(0, -1))
    })
  })
}

t.test('kill -9', { timeout: 100_000 }, async t => {
  const folder = freshFolder()
  const stages = new Map<number, string>()
  let highest = -1
  for (let round = 0; round < 8; round++) {
    const lines = await runAndKill(folder, highest + 2, 20 + round * 37)
    for (const line of lines) {
      const [n, id] = line.split(' ')
      highest = Number(n)
      stages.set(highest, id!)
    }
    const journal = await openJournal({ folder, stagingLimit: 1 << 30, log: silentLog })
    const records = byKey(journal.records())
    let wrong = 0
    for (const [n, id] of stages) {
      const gone = stages.has(n + 1) && (n + 1) % 5 === 0
      const record = records[`key${n}`]
      // The commit after the last acknowledged one may have removed it.
      if (record === undefined && n === highest && (n + 1) % 5 === 0) continue
      if (gone !== (record === undefined)) wrong++
      const stage = journal.openStage(id)
      const length = n % 3 === 0 ? 50_000 : 5000
      const start = 100 * (n % 50)
      const size = n % 4 === 0 ? 5200 : Math.max(n % 2 === 0 ? 1_000_000 : 0, start + length)
      const end = Math.min(start + length, size)
      const bytes = new Uint8Array(end - start)
      await stage.read(bytes, start)
      if (stage.size !== size || bytes.some(byte => byte !== n % 251)) wrong++
      if (n % 2 === 0 && (stage.own[0]?.start !== start || stage.own[0].end !== end)) wrong++
      stage.close()
    }
    t.equal(wrong, 0, `round ${round}: ${stages.size} acknowledged`)
    t.equal(journal.doubtful.size, 0)
    const found = recover({
      records: journal.records(),
      stages: journal.stages(),
      doubtful: journal.doubtful,
    })
    t.equal(found.missing.length, 0)
    await journal.close()
  }
  t.ok(stages.size > 100)
  rmSync(folder, { recursive: true })
})
