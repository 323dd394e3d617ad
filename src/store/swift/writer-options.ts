/** What a container's writer is made of, and what it is told of a new manifest. */
import type { Log } from '../../core/ports.ts'
import type { Key } from '../../core/types.ts'
import type { Body, Upload, WriteConditions } from '../store.ts'
import type { SwiftClient } from './client.ts'
import type { Capabilities } from './features.ts'
import type { Headers } from './headers.ts'
import type { LargeObjects } from './large.ts'
import type { Lister } from './lister.ts'
import type { Slice } from './manifest.ts'
import type { Layout, Ownership } from './ownership.ts'
import type { Segments } from './segments.ts'

export interface WriterOptions {
  readonly client: SwiftClient
  readonly container: string
  readonly capabilities: Capabilities
  readonly segments: Segments
  readonly ownership: Ownership
  readonly large: LargeObjects
  readonly lister: Lister
  readonly log: Log
  readonly md5: (body: Body) => Promise<string>
}

export type Conditions = WriteConditions & { readonly signal?: AbortSignal }

export interface NewManifest {
  readonly key: Key
  readonly slices: readonly Slice[]
  readonly headers: Headers
  readonly options: Conditions
  /** What it replaces. */
  readonly old: Layout | undefined
  /** The object that has the segments now, or the key itself. */
  readonly from: Key
  /** The upload that it completes. */
  readonly upload?: Upload
}
