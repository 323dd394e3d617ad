/** A store's error in one line, as people read it: nothing is said twice. */
import type { StoreError } from './errors.ts'

/** The message, with those of code, status and request id that are not in it. */
export function reasonText({ message, details }: StoreError): string {
  const { code, status, requestId } = details
  const facts = [code, status === undefined ? undefined : String(status), requestId]
    .filter(fact => fact !== undefined && fact !== '')
    .filter(fact => !hasWord(message, fact!))
    .map(fact => (fact === requestId ? `request ${fact}` : fact))
  return facts.length === 0 ? message : `${message} (${facts.join(', ')})`
}

function hasWord(text: string, word: string): boolean {
  return ` ${text.replaceAll(/[:(),]/g, ' ')} `.includes(` ${word} `)
}
