/** For journal-lock.test.ts: tries to take a lock when told to, says how it went, and stays. */
import { takeLock } from '../../src/journal/journal-lock.ts'

process.on('message', message => {
  if (message === 'end') process.exit(0)
  try {
    takeLock(process.argv[2] ?? '')
    process.send?.('taken')
  } catch {
    process.send?.('refused')
  }
})
process.send?.('ready')
