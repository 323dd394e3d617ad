/** Which names the kernel can be told and can tell. */

/** A name that a directory entry can hold: one bad name would make the whole listing fail. */
export function isListable(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false
  if (name.includes('/') || name.includes('\0')) return false
  return nameFits(name)
}

/** At most 255 bytes. Counting is left out where the length in characters settles it. */
export function nameFits(name: string): boolean {
  if (name.length <= 85) return true
  return name.length <= 255 && Buffer.byteLength(name) <= 255
}

/** Kinds of attributes that the kernel asks for on its own (before each write!) and that no bucket has. */
export function isForeign(name: string): boolean {
  return name.startsWith('security.') || name.startsWith('system.')
}
