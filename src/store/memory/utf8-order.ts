/**
 * The order of a listing: by UTF-8 bytes, without encoding anything. JavaScript's own order is by UTF-16
 * units, which puts U+E000..U+FFFF after the surrogates of U+10000 and up; everything else agrees.
 */

/** Negative, 0 or positive, as Array.sort wants it. */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let at = 0; at < shared; at++) {
    const x = a.charCodeAt(at)
    const y = b.charCodeAt(at)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** The first index whose key is not below `key`; `sorted` is in UTF-8 order. */
export function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareUtf8(sorted[middle] ?? '', key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
