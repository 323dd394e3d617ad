/**
 * The model's operations on a real mount and on a directory of the kernel's own side by side: the same answers at
 * each step, the same tree in the end, and once more after a new mount. PAILFS_SEED and PAILFS_STEPS set what is run.
 */
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import * as fs from 'node:fs/promises'
import { constants } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { filling, randomOp, script, type Op, type Outcome } from '../support/file-ops.ts'
import { onServers } from '../support/session.ts'
import { seeded } from '../support/virtual-clock.ts'

const SEED = Number(process.env['PAILFS_SEED'] ?? 1)
const STEPS = Number(process.env['PAILFS_STEPS'] ?? 600)
/** A wait of the model's hours is this long here. */
const LONGEST_WAIT = 1500

t.setTimeout(600_000)
process.umask(0)

class DirectoryDriver {
  readonly #root: string
  readonly #slots = new Map<number, { file: FileHandle; access: string }>()

  constructor(root: string) {
    this.#root = root
  }

  async apply(op: Op): Promise<Outcome> {
    try {
      return { value: 'slot' in op ? await this.#onSlot(op) : await this.#onPath(op) }
    } catch (error) {
      const { code } = error as { code?: unknown }
      if (typeof code !== 'string') throw error
      return { errno: code }
    }
  }

  async closeAll(): Promise<void> {
    for (const slot of this.#slots.keys()) await this.apply({ op: 'close', slot })
  }

  /** Everything below: kinds, attributes, bytes. */
  async tree(path = ''): Promise<Record<string, unknown>> {
    const found: Record<string, unknown> = {}
    for (const name of (await fs.readdir(join(this.#root, path))).toSorted()) {
      const inner = join(path, name)
      const stat = await this.#stat(inner)
      found[inner] = { ...stat, bytes: await this.#bytes(inner, stat.kind) }
      if (stat.kind === 'directory') Object.assign(found, await this.tree(inner))
    }
    return found
  }

  async #bytes(path: string, kind: string): Promise<string> {
    const whole = join(this.#root, path)
    if (kind === 'symlink') return fs.readlink(whole)
    return kind === 'file' ? (await fs.readFile(whole)).toString('hex') : ''
  }

  async #stat(path: string) {
    const stat = await fs.lstat(join(this.#root, path))
    const kind = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'file'
    const size = kind === 'file' ? stat.size : 0
    return { kind, perm: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, size }
  }

  async #onSlot(op: Op & { slot: number }): Promise<unknown> {
    if (op.op === 'open') return this.#open(op)
    const slot = this.#slots.get(op.slot)
    const needs = op.op === 'read' ? 'r' : ['write', 'ftruncate'].includes(op.op) ? 'w' : ''
    if (!slot || !slot.access.includes(needs)) return 'not open'
    const { file } = slot
    if (op.op === 'write')
      return (await file.write(filling(op), 0, op.size, op.offset)).bytesWritten
    if (op.op === 'ftruncate') return file.truncate(op.size)
    if (op.op === 'fsync') return file.sync()
    if (op.op === 'fstat') return (await file.stat()).size
    if (op.op === 'read') {
      const into = Buffer.alloc(op.size)
      const { bytesRead } = await file.read(into, 0, op.size, op.offset)
      return into.subarray(0, bytesRead).toString('hex')
    }
    this.#slots.delete(op.slot)
    return file.close()
  }

  async #open({ slot, path, mode, perm }: Op & { op: 'open' }): Promise<void> {
    await this.#slots.get(slot)?.file.close()
    this.#slots.delete(slot)
    const whole = join(this.#root, path)
    // A directory can be opened for reading; what can be done with it then is no file's business.
    const kind = await this.#stat(path).then(
      stat => stat.kind,
      () => 'none',
    )
    if (kind === 'directory' && mode.access === 'r') return
    const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants
    const access = { r: O_RDONLY, w: O_WRONLY, rw: O_RDWR }[mode.access]
    const flags =
      (mode.create ? O_CREAT : 0) |
      (mode.exclusive ? O_EXCL : 0) |
      (mode.truncate ? O_TRUNC : 0) |
      (mode.append ? O_APPEND : 0)
    const file = await open(whole, access | flags | O_NOFOLLOW, perm & 0o777)
    this.#slots.set(slot, { file, access: mode.access })
  }

  async #onPath(op: Exclude<Op, { slot: number }>): Promise<unknown> {
    if (op.op === 'wait') return sleep(Math.min(op.span, LONGEST_WAIT))
    const path = join(this.#root, op.path)
    if (op.op === 'rename') return fs.rename(path, join(this.#root, op.to))
    if (op.op === 'mkdir') return fs.mkdir(path, op.perm & 0o777)
    if (op.op === 'rmdir') return fs.rmdir(path)
    if (op.op === 'unlink') return fs.unlink(path)
    if (op.op === 'symlink') return fs.symlink(op.target, path)
    if (op.op === 'readlink') return fs.readlink(path)
    if (op.op === 'stat') return this.#stat(op.path)
    if (op.op === 'readdir') return (await fs.readdir(path)).toSorted()
    if (op.op === 'truncate') return fs.truncate(path, op.size)
    if (op.op === 'chown') return fs.lchown(path, op.uid, op.gid)
    if ((await this.#stat(op.path)).kind === 'symlink') return 'a symlink'
    if (op.op === 'chmod') return fs.chmod(path, op.perm & 0o777)
    if (op.op !== 'utimens') return 'extended attributes are not compared'
    const seconds = Number(op.mtime / 1_000_000_000n)
    await fs.utimes(path, seconds, seconds)
    return (await fs.stat(path)).mtimeMs
  }
}

await onServers('the same as the kernel does it', async (t, session) => {
  const mount = await session.mount()
  const own = await mkdtemp('/dev/shm/pailfs-model-')
  t.teardown(() => rm(own, { recursive: true, force: true }))
  const [ours, theirs] = [new DirectoryDriver(mount.dir), new DirectoryDriver(own)]
  const random = seeded(SEED)
  const done: Op[] = []
  for (let step = 0; step < STEPS; step++) {
    const op = randomOp(random)
    done.push(op)
    const [actual, wanted] = await Promise.all([ours.apply(op), theirs.apply(op)])
    if (isDeepStrictEqual(actual, wanted)) continue
    t.fail(`step ${step}: ${JSON.stringify(actual)}, should be ${JSON.stringify(wanted)}`)
    t.comment(script(done.slice(-30)))
    return
  }
  const wanted = await theirs.tree()
  t.strictSame(await ours.tree(), wanted, 'the tree')
  await ours.closeAll()
  await theirs.closeAll()
  t.equal(await mount.stop(), 0)
  const later = await session.mount({ work: mount.work })
  t.strictSame(await new DirectoryDriver(later.dir).tree(), wanted, 'the tree of a new mount')
})
