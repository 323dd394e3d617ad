/**
 * For power-cut.test.ts. `write FOLDER`: commits and writes for ever, and says on stdout up to where all was synced.
 * `check FOLDER N`: opens the journal as after another boot, and says as JSON what is wrong with it given that
 * all up to N was synced.
 */
import { writeSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { silentLog } from '../../src/core/ports.ts'
import { openJournal } from '../../src/journal/lmdb-journal.ts'
import { recover, stagesOf } from '../../src/journal/recovery.ts'
import { byKey, fileRecord } from './subjects.ts'

const base = { key: 'base', etag: 'e', size: 100_000 }
const [what, folder = '', synced = '-1'] = process.argv.slice(2)
const options = { folder, stagingLimit: 1 << 30, log: silentLog, keepFree: 0 }

const startOf = (n: number) => 100 * (n % 50)
const lengthOf = (n: number) => (n % 3 === 0 ? 20_000 : 3000)

/** The last 60 keys are there; each commit removes one, and its staged file. */
async function writing(): Promise<void> {
  const journal = await openJournal({ ...options, checkpointEvery: 15_000 })
  const stages: string[] = []
  for (let n = 0; ; n++) {
    const stage = journal.createStage(n % 2 === 0 ? base : undefined)
    await stage.write(new Uint8Array(lengthOf(n)).fill((n % 250) + 1), startOf(n))
    stages[n] = stage.id
    stage.close()
    journal.commit({ put: [fileRecord(`key${n}`, stage.id)], remove: [`key${n - 60}`] })
    if (n >= 60) journal.removeStage(stages[n - 60]!)
    if (n % 5 === 0) {
      const done = journal.sync().then(() => writeSync(1, `${n}\n`))
      if (n % 20 === 0) await done
    }
    await wait(1)
  }
}

async function checking(): Promise<void> {
  const journal = await openJournal({ ...options, boot: 'another' })
  const found = recover({
    records: journal.records(),
    stages: journal.stages(),
    doubtful: journal.doubtful,
  })
  const records = byKey(journal.records())
  const highest = Math.max(-1, ...Object.keys(records).map(key => Number(key.slice(3))))
  const wrong: string[] = found.missing.map(({ key }) => `${key} lost its staged file`)
  if (highest < Number(synced)) wrong.push(`${highest} is the last`)
  for (let n = Math.max(0, highest - 59); n <= highest; n++) {
    if (records[`key${n}`] === undefined) wrong.push(`key${n} is not there`)
  }
  if (Object.keys(records).length > 60) wrong.push('removed ones are there')
  for (const record of found.sound) {
    const n = Number(record.key.slice(3))
    const stage = journal.openStage(stagesOf(record)[0]!)
    const bytes = new Uint8Array(lengthOf(n))
    await stage.read(bytes, startOf(n))
    if (bytes.some(byte => byte !== (n % 250) + 1)) wrong.push(`${record.key} has wrong bytes`)
    const [own] = stage.own
    const end = startOf(n) + lengthOf(n)
    if (n % 2 === 0 ? own?.start !== startOf(n) || own.end !== end : stage.size !== end) {
      wrong.push(`${record.key} has a wrong map or size`)
    }
    stage.close()
  }
  const counts = { highest, sound: found.sound.length, doubtful: found.doubtful.length }
  writeSync(1, JSON.stringify({ wrong, ...counts }))
  await journal.close()
}

await (what === 'write' ? writing() : checking())
