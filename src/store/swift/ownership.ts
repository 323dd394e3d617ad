/**
 * Which segments may be deleted: the rule that makes shared segments safe without a database.
 *
 * Invariant: before a manifest that has segments of a group (folder) of ours is stored under a key, a small record
 * `ref(group, key)` is in the segments container, and seen in its listing. Unfinished uploads that will have such
 * segments leave `ref(group, upload)`, which counts as long as the upload's marker is there.
 * Segments are deleted only after the manifest that had them is gone or replaced, and only those that no object
 * named by a reference has in its manifest *now*. A reference too young for its manifest to be expected keeps
 * everything. So a crash leaves at worst segments too many, which the sweep finds (sweep.ts); never one too few.
 *
 * Segments of others: deleted with their object only where their name says that they are its own, as the swift tool
 * (`KEY/slo/TIME/SIZE/SEGSIZE/`, `KEY/TIME/SIZE/SEGSIZE/`), rclone (`KEY/TIME/SIZE/`) and the S3 layer
 * (`KEY/UPLOAD/` in `CONTAINER+segments`) name them, and no reference says otherwise; those programs do the same.
 * All others are left alone. In a container that keeps versions nothing that was in a manifest is ever deleted.
 */
import { Mutex } from '../../core/lock.ts'
import type { Key } from '../../core/types.ts'
import { eachParallel } from './bulk.ts'
import { isLarge, isStatic, stripEtag } from './headers.ts'
import { jsonOf } from './client.ts'
import { byGroup, groupsOf, parseManifest, type Slice } from './manifest.ts'
import { isOurGroup, manifestOf, markerOf, pendingRefOf, refOf, refsOf } from './names.ts'
import { trouble } from './errors.ts'
import type { Headers } from './headers.ts'
import { decodePath } from './path.ts'
import type { Segments } from './segments.ts'

/** What a large object consists of. */
export type Layout =
  | {
      readonly kind: 'static'
      readonly slices: readonly Slice[]
      /** The record that has them, where the cluster does not give manifests back. */
      readonly record?: string
    }
  /** `container/prefix` of the segments. */
  | { readonly kind: 'dynamic'; readonly prefix: string }
  /** A static one whose manifest the cluster does not give back (RGW), and that is not ours. */
  | { readonly kind: 'unknown' }

/** A reference younger than this may belong to a manifest that is about to be stored. */
const YOUNG = 10 * 60_000
/** A reference whose object has nothing of the group is taken away when it is older than this. */
const STALE = 60 * 60_000

/** What a record under `names.REFS` holds. */
export interface Reference {
  readonly key?: Key
  readonly upload?: string
  /** Segments of others that belonged to their object by name. */
  readonly owned?: boolean
  readonly group?: string
}

export class Ownership {
  readonly #segments: Segments
  readonly #pause: (ms: number) => Promise<void>
  readonly #releasing = new Mutex()

  constructor(segments: Segments, pause: (ms: number) => Promise<void>) {
    this.#segments = segments
    this.#pause = pause
  }

  /** The layout of a large object whose HEAD told `headers`; undefined for a plain one. Rejects `not-found`. */
  async layout(key: Key, headers: Headers): Promise<Layout | undefined> {
    if (!isLarge(headers)) return undefined
    if (!isStatic(headers)) {
      return { kind: 'dynamic', prefix: decodePath(headers['x-object-manifest'] ?? '') }
    }
    const operation = 'GetManifest'
    const { client, owner } = this.#segments
    const reply = await client.request({
      operation,
      method: 'GET',
      container: owner,
      key,
      query: { 'multipart-manifest': 'get' },
    })
    try {
      const slices = parseManifest(jsonOf(reply, operation))
      if (slices.length > 0) return { kind: 'static', slices }
      const name = manifestOf(key, stripEtag(headers['etag']))
      const record = await this.#segments.getRecord(name)
      if (record === undefined) return { kind: 'unknown' }
      return { kind: 'static', slices: (record as { slices: Slice[] }).slices, record: name }
    } catch (error) {
      if (error instanceof TypeError) throw trouble('corrupt', operation, error.message, key)
      throw error
    }
  }

  /** What the object has now; undefined for a plain object or none. */
  async layoutNow(key: Key): Promise<Layout | undefined> {
    const { client, owner } = this.#segments
    const reply = await client.request({
      operation: 'HeadObject',
      method: 'HEAD',
      container: owner,
      key,
      accept: [404],
    })
    return reply.status === 404 ? undefined : this.layout(key, reply.headers)
  }

  /**
   * Says that `key` is going to have segments of these groups. `from`: the object that has them now, so that
   * segments of others keep their owner. Returns when every reference shows in the listing. Rejects `unavailable`
   * where one does not within seconds.
   */
  async claim(groups: Iterable<string>, key: Key, from?: Key): Promise<void> {
    await this.#segments.ensure()
    await eachParallel([...groups], 4, async group => {
      const ours = isOurGroup(group, this.#segments.name)
      const owned = !ours && from !== undefined && (await this.#ownedBy(group, from))
      const record: Reference = owned ? { key, owned } : { key }
      if (owned && from !== key) {
        await this.#segments.putRecord(refOf(group, from), {
          key: from,
          owned,
          group,
        } satisfies Reference)
      }
      const name = refOf(group, key)
      await this.#segments.putRecord(name, { ...record, group })
      await this.#seen(group, name)
    })
  }

  /** Says that an unfinished upload is going to have segments of these groups. */
  async claimPending(groups: Iterable<string>, upload: string): Promise<void> {
    await eachParallel([...groups], 4, async group => {
      await this.#segments.putRecord(pendingRefOf(group, upload), { upload, group })
    })
  }

  async dropPending(groups: Iterable<string>, upload: string): Promise<void> {
    await this.#segments.remove([...groups].map(group => pendingRefOf(group, upload)))
  }

  /** Takes back a claim, unless the object has segments of the group. */
  async unclaim(group: string, key: Key, now: Layout | undefined): Promise<void> {
    if (now !== undefined && (now.kind === 'unknown' || layoutGroups(now).has(group))) return
    if (await this.#segments.isVersioned()) return
    await this.#segments.remove([refOf(group, key)])
  }

  /**
   * Deletes what `old` had and neither `now` (the layout of `key` at present) nor any other object has. One after the
   * other: of two objects that go at the same time, the last must not see the first's reference any more.
   */
  release(key: Key, old: Layout, now: Layout | undefined): Promise<void> {
    return this.#releasing.run(() => this.#release(key, old, now))
  }

  async #release(key: Key, old: Layout, now: Layout | undefined): Promise<void> {
    if (await this.#segments.isVersioned()) return
    const paths = await this.#pathsOf(key, old)
    const kept = usesOf(now)
    await this.releasePaths(
      paths.filter(path => !kept(path)),
      key,
      now,
    )
    const still = now === undefined ? new Set<string>() : layoutGroups(now)
    const over = [...layoutGroups(old)]
      .filter(group => !still.has(group))
      .map(group => refOf(group, key))
    const record = recordOf(old)
    if (record !== undefined && record !== recordOf(now)) over.push(record)
    await this.#segments.remove(over)
  }

  /** Deletes those of the segments (`container/name`) that nothing refers to. */
  async releasePaths(
    paths: readonly string[],
    key: Key | undefined,
    now: Layout | undefined,
  ): Promise<void> {
    await eachParallel([...byGroup(paths)], 4, async ([group, members]) => {
      const container = group.split('/', 1)[0] ?? ''
      if (!this.#segments.isConventional(container)) return
      const free = await this.#unreferenced(group, members, key, now)
      const names = free.map(path => path.slice(container.length + 1))
      await this.#segments.remove(names, container)
    })
  }

  /**
   * Those of the group's segments that no reference says to be in use. References younger than `young` ms whose
   * object is not there yet keep all.
   */
  unreferenced(
    group: string,
    members: readonly string[],
    young: number,
  ): Promise<readonly string[]> {
    return this.#unreferenced(group, members, undefined, undefined, young)
  }

  /** Members that no referenced object has at present. Stale references are taken away. */
  async #unreferenced(
    group: string,
    members: readonly string[],
    key: Key | undefined,
    now: Layout | undefined,
    young = YOUNG,
  ): Promise<readonly string[]> {
    const { entries, now: time } = await this.#segments.list(refsOf(group))
    // Segments that were in a manifest once may be in an old version's.
    if (entries.length > 0 && (await this.#segments.isVersioned())) return []
    const own = key === undefined ? undefined : refOf(group, key)
    const ours = isOurGroup(group, this.#segments.name)
    let owned = ours || (key !== undefined && isNatural(group, key, this.#segments))
    let free = members.filter(path => !usesOf(now)(path))
    const stale: string[] = []
    for (const entry of entries) {
      const reference = (await this.#segments.getRecord(entry.name)) as Reference | undefined
      if (reference === undefined) continue
      owned ||= reference.owned === true
      if (entry.name === own) continue
      const layout = await this.#referring(reference, time - entry.modified < young)
      if (layout === 'keep') return []
      const uses = usesOf(layout)
      free = free.filter(path => !uses(path))
      const alive = layout !== undefined && layoutGroups(layout).has(group)
      if (!alive && time - entry.modified > STALE) stale.push(entry.name)
    }
    if (!owned) return []
    await this.#segments.remove(stale)
    return free
  }

  /** The layout of the object that a reference names; `keep` where it cannot be told yet. */
  async #referring(reference: Reference, young: boolean): Promise<'keep' | Layout | undefined> {
    if (reference.upload !== undefined) {
      return (await this.#segments.exists(markerOf(reference.upload))) ? 'keep' : undefined
    }
    if (reference.key === undefined) return 'keep'
    const layout = await this.layoutNow(reference.key)
    return layout === undefined && young ? 'keep' : layout
  }

  async #seen(group: string, name: string): Promise<void> {
    for (let tries = 0; tries < 10; tries++) {
      const { entries } = await this.#segments.list(refsOf(group))
      if (entries.some(entry => entry.name === name)) return
      await this.#pause(200 * (tries + 1))
    }
    throw trouble(
      'unavailable',
      'ClaimSegments',
      'the listing of the segments container lags behind',
    )
  }

  async #ownedBy(group: string, key: Key): Promise<boolean> {
    if (isNatural(group, key, this.#segments)) return true
    const reference = (await this.#segments.getRecord(refOf(group, key))) as Reference | undefined
    return reference?.owned === true
  }

  async #pathsOf(key: Key, layout: Layout): Promise<string[]> {
    if (layout.kind === 'unknown') return []
    if (layout.kind === 'static') {
      // A segment that is a large object itself has segments that nobody here has looked at.
      if (layout.slices.some(slice => slice.nested === true)) return []
      return [...new Set(layout.slices.map(slice => slice.path))]
    }
    const slash = layout.prefix.indexOf('/')
    const container = layout.prefix.slice(0, slash)
    if (slash < 0 || !this.#segments.isConventional(container)) return []
    // Listed only where they would be deleted: a claimed copy has a reference of its own. The swift tool ends the
    // prefix with a slash, rclone does not; the segments are in that folder with both.
    const group = layout.prefix.replace(/\/$/, '')
    if (!(await this.#ownedBy(group, key))) return []
    const { entries } = await this.#segments.list(`${group.slice(slash + 1)}/`, container)
    return entries.map(entry => `${container}/${entry.name}`)
  }
}

function recordOf(layout: Layout | undefined): string | undefined {
  return layout?.kind === 'static' ? layout.record : undefined
}

/** The groups whose segments a layout has. */
export function layoutGroups(layout: Layout): Set<string> {
  if (layout.kind === 'unknown') return new Set()
  if (layout.kind === 'static') return groupsOf(layout.slices)
  return new Set([layout.prefix.replace(/\/$/, '')])
}

/** Tells of a segment's path whether the layout has it. */
export function usesOf(layout: Layout | undefined): (path: string) => boolean {
  if (layout === undefined) return () => false
  // Nothing is deleted on the word of what cannot be read.
  if (layout.kind === 'unknown') return () => true
  if (layout.kind === 'dynamic') return path => path.startsWith(layout.prefix)
  const paths = new Set(layout.slices.map(slice => slice.path))
  return path => paths.has(path)
}

/** Whether a group of others belongs to the object by its name. */
export function isNatural(
  group: string,
  key: Key,
  segments: Pick<Segments, 'name' | 'isConventional'>,
): boolean {
  const slash = group.indexOf('/')
  const container = group.slice(0, slash)
  const folder = group.slice(slash + 1)
  if (slash < 0 || !segments.isConventional(container) || !folder.startsWith(`${key}/`))
    return false
  const rest = folder.slice(key.length + 1)
  if (container !== segments.name) return /^[^/]+$/.test(rest)
  return /^(slo\/)?\d+(\.\d+)?\/\d+(\/\d+)?$/.test(rest)
}
