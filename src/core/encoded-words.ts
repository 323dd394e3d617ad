/** Encoded words of RFC 2047 (`=?UTF-8?B?w7w=?=`), in which S3 answers metadata that is not ASCII. */

const WORD = /=\?([A-Za-z0-9_-]+)\?([BbQq])\?([!->@-~]*)\?=/
const WORDS = new RegExp(`^(?:${WORD.source})(?: +${WORD.source.replaceAll(/\((?!\?)/g, '(?:')})*$`)
const CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'us-ascii', 'iso-8859-1', 'latin1'])

function bytesOf(encoding: string, text: string): string {
  if (encoding.toUpperCase() === 'B') return atob(text)
  return text
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** The text of a value that consists of encoded words and nothing else; undefined for any other. */
export function decodeWords(value: string): string | undefined {
  if (!value.startsWith('=?') || !WORDS.test(value)) return undefined
  let charset = ''
  let binary = ''
  try {
    // A character may be cut in two between words of one charset: bytes are joined before they are decoded.
    for (const word of value.split(/ +/)) {
      const [, set, encoding, text] = WORD.exec(word)!
      const name = set!.toLowerCase()
      if (!CHARSETS.has(name) || (charset !== '' && name !== charset)) return undefined
      charset = name
      binary += bytesOf(encoding!, text!)
    }
    const bytes = Uint8Array.from(binary, character => character.charCodeAt(0))
    return new TextDecoder(charset, { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
