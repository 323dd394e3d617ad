/** For kill.test.ts: commits and writes for ever, and says on stdout what was acknowledged. */
import { writeSync } from 'node:fs'
import { silentLog } from '../../src/core/ports.ts'
import { openJournal } from '../../src/journal/lmdb-journal.ts'
import { fileRecord } from './subjects.ts'

const [folder = '', from = '0'] = process.argv.slice(2)
const journal = await openJournal({
  folder,
  stagingLimit: 1 << 30,
  log: silentLog,
  checkpointEvery: 20_000,
  openFiles: 4,
})
const base = { key: 'base', etag: 'e', size: 1_000_000 }
for (let n = Number(from); ; n++) {
  const stage = journal.createStage(n % 2 === 0 ? base : undefined)
  await stage.write(new Uint8Array(n % 3 === 0 ? 50_000 : 5000).fill(n % 251), 100 * (n % 50))
  if (n % 4 === 0) await stage.truncate(5200)
  const remove = n % 5 === 0 && n > 0 ? [`key${n - 1}`] : []
  journal.commit({ put: [fileRecord(`key${n}`, stage.id)], remove })
  writeSync(1, `${n} ${stage.id}\n`)
  stage.close()
  if (n % 7 === 0) void journal.sync()
  if (n % 40 === 0) await new Promise(resolve => setImmediate(resolve))
}
