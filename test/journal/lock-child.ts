/** For journal-lock.test.ts: tries to take a lock when told to, says how it went, and stays. */
import { takeLock } from '../../src/journal/journal-lock.ts'

process.on('message', message => {
  if (message === 'end') process.exit(0)
  takeLock(process.argv[2] ?? '').then(
    () => process.send?.('taken'),
    () => process.send?.('refused'),
  )
})
process.send?.('ready')
