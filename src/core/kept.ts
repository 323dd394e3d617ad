/**
 * What was set on an object and would be lost with new bytes: on S3 a PUT makes an object private and takes its tags.
 * A note of it travels in the object's metadata, so that any mount, also a later one, sets it again. Pure.
 *
 * Its form is that of a query: `acl=public-read&tags=a%3D1`; `tags=` alone says that there are some.
 */
import type { CannedAcl } from './types.ts'

export interface Kept {
  readonly acl?: CannedAcl
  /** 'some': there are tags, the object itself knows which. */
  readonly tags?: Readonly<Record<string, string>> | 'some'
}

/** The note's name in user metadata. */
export const KEPT_FIELD = 'pail-kept'

/** Longer tags are only mentioned: some servers fail on metadata values over 256 bytes. */
const LONGEST = 200

const CANNED: readonly string[] = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
]

/** Whether it is one of the access rules that all families have a word for. */
export function isCanned(text: string): text is CannedAcl {
  return CANNED.includes(text)
}

/** The names of those rules. */
export function cannedNames(): readonly string[] {
  return CANNED
}

/** The note's meaning; anything that cannot be understood says nothing. */
export function parseKept(note: string | undefined): Kept {
  const fields = new URLSearchParams(note ?? '')
  const acl = fields.get('acl')
  const tags = fields.get('tags')
  return {
    ...(acl !== null && isCanned(acl) ? { acl } : {}),
    ...(tags === null ? {} : { tags: tags === '' ? 'some' : tagsOf(tags) }),
  }
}

/** The note; '' where there is nothing to note. */
export function formatKept({ acl, tags }: Kept): string {
  const fields = new URLSearchParams()
  if (acl !== undefined) fields.set('acl', acl)
  const text = tags === undefined || tags === 'some' ? '' : new URLSearchParams(tags).toString()
  const none = tags === undefined || (tags !== 'some' && text === '')
  if (!none) fields.set('tags', text.length > LONGEST ? '' : text)
  return fields.toString()
}

function tagsOf(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text))
}
