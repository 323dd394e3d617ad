/** The field's vocabulary, shared by every folder. Sizes are bytes, times are milliseconds unless a name says otherwise. */

/** A count of bytes. */
export type Bytes = number
/** A span or a point of time in milliseconds (points: since 1970, UTC). */
export type Milliseconds = number
/** A point of time in nanoseconds since 1970, UTC: what `utimensat` can say and user metadata keeps. */
export type Nanoseconds = bigint

/** An object's full name in the mounted space (bucket prefix already taken off), UTF-8 as a JavaScript string. */
export type Key = string
/** An entity tag as the server said it, without the surrounding quotes and without `W/`. */
export type ETag = string
/** An inode number: 1 is the root; fits 32 bits, since fuse-native passes no more. */
export type Ino = number
/** A file or directory handle. Positive; 0 is never used. */
export type HandleId = number

/** A half-open byte range: `start` is in it, `end` is not. */
export interface Range {
  readonly start: Bytes
  readonly end: Bytes
}

/** One version of one object: what the bytes of a read belong to. */
export interface ObjectVersion {
  readonly key: Key
  readonly etag: ETag
  readonly size: Bytes
}

/**
 * What is kept with an object besides its bytes, in the form it has on the wire.
 * `user` holds user metadata: names in lower case without the `x-amz-meta-` or `X-Object-Meta-`
 * prefix, values as the header carries them (ASCII; escaping is `core/xattr-name`'s business).
 */
export interface ObjectMeta {
  readonly contentType?: string
  readonly cacheControl?: string
  readonly contentDisposition?: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly storageClass?: string
  /** Note of what new bytes would lose, as `core/kept` has it. */
  readonly kept?: string
  readonly user: Readonly<Record<string, string>>
}

/** The canned access rules that all families can express in some way. */
export type CannedAcl = 'private' | 'public-read' | 'public-read-write' | 'authenticated-read'
