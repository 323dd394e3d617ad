/**
 * Power cuts, for real: the journal lies on an ext4 in an image file, and what is in the image at some moment
 * is what a disk would have had. All that was synced must be there, and nothing that is called sound may be wrong.
 * Needs the right to mount a loop device; skipped without.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freshFolder, whyNot } from './subjects.ts'

const CUTS = 6
const child = fileURLToPath(new URL('power-child.js', import.meta.url))
const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' })

t.test('power cuts', { timeout: 110_000 }, async t => {
  const folder = freshFolder()
  const image = join(folder, 'image')
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  try {
    run('truncate', '-s', '96M', image)
    run('mkfs.ext4', '-q', '-F', image)
    run('mount', '-o', 'loop,commit=1', image, disk)
  } catch (error) {
    rmSync(folder, { recursive: true })
    t.pass('a disk in an image', { skip: whyNot(error) })
    return
  }
  const writer = spawn(process.execPath, [child, 'write', join(disk, 'journal')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let synced = -1
  const syncedNow = () => synced
  writer.stdout.on('data', (data: Buffer) => {
    const lines = data.toString().trim().split('\n')
    synced = Math.max(synced, ...lines.map(Number))
  })
  try {
    while (syncedNow() < 50) await wait(20)
    const cuts: { copy: string; promised: number }[] = []
    for (let cut = 0; cut < CUTS; cut++) {
      await wait(137 * (1 + cut))
      writer.kill('SIGSTOP')
      const promised = syncedNow()
      const copy = join(folder, `copy${cut}`)
      run('cp', '--sparse=always', image, copy)
      writer.kill('SIGCONT')
      cuts.push({ copy, promised })
    }
    for (const { copy, promised } of cuts) {
      const mounted = `${copy}.disk`
      mkdirSync(mounted)
      run('mount', '-o', 'loop', copy, mounted)
      try {
        // lmdb-js takes the last flushed state after another boot; here the boot is the same.
        const said = execFileSync(
          process.execPath,
          [child, 'check', join(mounted, 'journal'), String(promised)],
          { env: { ...process.env, LMDB_RESTORE: 'safe' } },
        ).toString()
        const { wrong, ...counts } = JSON.parse(said) as { wrong: string[] }
        t.strictSame(wrong, [], `synced up to ${promised}: ${JSON.stringify(counts)}`)
      } finally {
        run('umount', mounted)
      }
    }
  } finally {
    const ended = new Promise(resolve => writer.once('close', resolve))
    writer.kill('SIGKILL')
    await ended
    run('umount', disk)
    rmSync(folder, { recursive: true })
  }
})
