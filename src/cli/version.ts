/** The version in package.json, read rather than copied. */
import { readFileSync } from 'node:fs'

export function version(): string {
  // dist/src/cli/version.js
  const file = new URL('../../../package.json', import.meta.url)
  const { version: text } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return text
}
