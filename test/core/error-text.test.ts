/** A store's error in one line. */
import t from 'tap'
import { reasonText } from '../../src/core/error-text.ts'
import { FsError, StoreError } from '../../src/core/errors.ts'

const text = (message: string, details = {}): string =>
  reasonText(new StoreError('denied', message, { operation: 'PutObject', ...details }))

t.test('facts that are not said yet', async t => {
  const facts = { code: 'AccessDenied', status: 403, requestId: 'r1' }
  t.equal(text('PutObject "k"', facts), 'PutObject "k" (AccessDenied, 403, request r1)')
  t.equal(
    text('PutObject "k": AccessDenied 403 no, never', facts),
    'PutObject "k": AccessDenied 403 no, never (request r1)',
  )
  t.equal(text('HeadObject "k": 403', { status: 403 }), 'HeadObject "k": 403')
  t.equal(text('4031 (AccessDenied)', { ...facts, requestId: '' }), '4031 (AccessDenied) (403)')
  t.equal(text('no connection'), 'no connection')
})

t.test('an errno is said once', async t => {
  t.equal(
    new FsError('ENOSPC', 'ENOSPC: no space left, write').message,
    'ENOSPC: no space left, write',
  )
  t.equal(new FsError('EIO', 'ENOSPC: no space left').message, 'EIO: ENOSPC: no space left')
})
