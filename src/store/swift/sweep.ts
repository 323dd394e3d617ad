/**
 * Finds what crashed daemons left in a segments container, and deletes it: segments of ours that no object has,
 * uploads that nobody goes on with, references and manifest records of what is no more.
 *
 * What is deleted, and why that is safe: a group of segments without a marker, all of it older than an hour (a
 * manifest is stored, with its reference seen before, while the upload's marker is still there), as far as neither the
 * object of the group's own name nor one that a reference names has it in its manifest now. A group with a marker only
 * when nothing was added to it for `age`, and nobody here knows the upload: its owner, if there is still one, is told
 * that it is gone, and begins anew from its own staged file. Segments of others are never looked at.
 */
import type { Key, Milliseconds } from '../../core/types.ts'
import type { SweepOptions, Swept, Upload } from '../store.ts'
import { StoreError } from '../../core/errors.ts'
import { eachParallel } from './bulk.ts'
import { byGroup } from './manifest.ts'
import * as names from './names.ts'
import { usesOf, type Layout, type Ownership, type Reference } from './ownership.ts'
import type { SegmentEntry, Segments } from './segments.ts'

/** Segments and references without an upload are swept only when older than this, or than `age`. */
export const SETTLED_AGE: Milliseconds = 60 * 60_000

export interface SweepParts {
  readonly segments: Segments
  readonly ownership: Ownership
  readonly abort: (upload: Upload) => Promise<void>
}

interface Group {
  /** `container/folder`. */
  readonly path: string
  /** The id of the upload that made it. */
  readonly id: string
  readonly members: readonly SegmentEntry[]
  readonly marker: SegmentEntry | undefined
}

export class Sweep {
  readonly #segments: Segments
  readonly #ownership: Ownership
  readonly #abort: SweepParts['abort']
  readonly #options: SweepOptions
  readonly #settled: Milliseconds
  #swept = { segments: 0, bytes: 0 }

  constructor({ segments, ownership, abort }: SweepParts, options: SweepOptions) {
    this.#segments = segments
    this.#ownership = ownership
    this.#abort = abort
    this.#options = options
    this.#settled = Math.min(SETTLED_AGE, options.age)
  }

  /** Rejects with StoreError; what was deleted until then is gone. */
  async run(): Promise<Swept> {
    // Old versions' manifests are out of sight.
    if (!(await this.#segments.mayExist()) || (await this.#segments.isVersioned()))
      return this.#swept
    const { groups, now } = await this.#groups()
    const alive = new Set<string>()
    for (const group of groups) {
      this.#options.signal?.throwIfAborted()
      if (!(await this.#sweepGroup(group, now))) alive.add(names.refsOf(group.path))
    }
    await this.#sweepReferences(alive)
    await this.#sweepManifests()
    return this.#swept
  }

  async #groups(): Promise<{ groups: Group[]; now: number }> {
    // Markers first: an upload that is completed between the two listings has its segments younger than `now`.
    const markers = await this.#segments.list(names.ALL_MARKERS)
    const { entries, now } = await this.#segments.list(names.ALL_SEGMENTS)
    const { name } = this.#segments
    const byName = new Map(entries.map(entry => [`${name}/${entry.name}`, entry]))
    const marked = new Map(
      markers.entries.map(entry => [names.uploadOfMarker(entry.name), entry] as const),
    )
    const groups: Group[] = []
    for (const [path, members] of byGroup(byName.keys())) {
      const id = path.slice(name.length + 1)
      groups.push({
        path,
        id,
        members: members.map(member => byName.get(member)!),
        marker: marked.get(id),
      })
      marked.delete(id)
    }
    for (const [id, marker] of marked)
      groups.push({ path: `${name}/${id}`, id, members: [], marker })
    return { groups, now }
  }

  /** Whether nothing of it is left. */
  async #sweepGroup(group: Group, now: number): Promise<boolean> {
    const { id, members, marker } = group
    const newest = Math.max(...[...members, ...(marker ? [marker] : [])].map(one => one.modified))
    const idle = now - newest
    if (marker !== undefined) {
      if (idle < this.#options.age || this.#options.isKnown(id)) return false
      return this.#giveUp(group, marker)
    }
    // Asked again: the listings are a moment old.
    if (idle < this.#settled || (await this.#segments.exists(names.markerOf(id)))) return false
    const free = await this.#free(group)
    await this.#segments.remove(free.map(({ name }) => name))
    this.#count(free)
    return free.length === members.length
  }

  async #giveUp({ id, members }: Group, marker: SegmentEntry): Promise<boolean> {
    const record = (await this.#segments.getRecord(marker.name)) as { key?: unknown } | undefined
    if (typeof record?.key !== 'string' || !names.isUploadId(id)) return false
    await this.#abort({ key: record.key, id })
    const left = new Set((await this.#segments.list(`${id}/`)).entries.map(({ name }) => name))
    this.#count(members.filter(({ name }) => !left.has(name)))
    return left.size === 0
  }

  /** Members that no object has, as far as their names and references tell. */
  async #free({ path, id, members }: Group): Promise<SegmentEntry[]> {
    const key = names.keyOfUpload(id)
    const own = key === undefined ? undefined : await this.#layoutNow(key)
    const uses = usesOf(own)
    const paths = members.map(({ name }) => `${this.#segments.name}/${name}`)
    const unused = paths.filter(one => !uses(one))
    if (unused.length === 0) return []
    const young = Math.min(this.#settled, SETTLED_AGE / 6)
    const free = new Set(await this.#ownership.unreferenced(path, unused, young))
    return members.filter(({ name }) => free.has(`${this.#segments.name}/${name}`))
  }

  /** What the key has now. A manifest that cannot be read is taken to have everything. */
  async #layoutNow(key: Key): Promise<Layout | undefined> {
    try {
      return await this.#ownership.layoutNow(key)
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'corrupt') return { kind: 'unknown' }
      throw error
    }
  }

  /** References to groups of ours that are no more. */
  async #sweepReferences(alive: ReadonlySet<string>): Promise<void> {
    const { entries, now } = await this.#segments.list(names.REFS)
    const old = entries.filter(
      ({ name, modified }) =>
        now - modified >= this.#settled && !alive.has(name.slice(0, name.lastIndexOf('/') + 1)),
    )
    const gone: string[] = []
    await eachParallel(old, 4, async ({ name }) => {
      const record = (await this.#segments.getRecord(name)) as Reference | undefined
      if (record?.group !== undefined && names.isOurGroup(record.group, this.#segments.name))
        gone.push(name)
    })
    await this.#segments.remove(gone)
  }

  /** Records of manifests (RGW) whose object is another one now. */
  async #sweepManifests(): Promise<void> {
    const { entries, now } = await this.#segments.list(names.MANIFESTS)
    for (const { name, modified } of entries) {
      if (now - modified < this.#settled) continue
      this.#options.signal?.throwIfAborted()
      const record = (await this.#segments.getRecord(name)) as { key?: unknown } | undefined
      if (typeof record?.key !== 'string') continue
      const layout = await this.#layoutNow(record.key)
      const used =
        layout?.kind === 'unknown' || (layout?.kind === 'static' && layout.record === name)
      if (!used) await this.#segments.remove([name])
    }
  }

  #count(deleted: readonly SegmentEntry[]): void {
    const bytes = deleted.reduce((sum, entry) => sum + entry.bytes, this.#swept.bytes)
    this.#swept = { segments: this.#swept.segments + deleted.length, bytes }
  }
}
