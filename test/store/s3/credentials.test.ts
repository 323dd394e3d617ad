/** Keys that run out: replaced in time, used to their end when there are no others, and then waited for. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { StoreError } from '../../../src/core/errors.ts'
import type { Clock } from '../../../src/core/ports.ts'
import { CredentialSource } from '../../../src/store/s3/credentials.ts'

const START = Date.parse('2026-11-21T12:00:00Z')
const MINUTE = 60_000

t.test('a source that fails for a while', async t => {
  const dir = t.testdir({ asked: '' })
  const script = join(dir, 'keys.sh')
  const answer = (words: string): Promise<void> =>
    writeFile(script, `#!/bin/sh\necho >>${join(dir, 'asked')}\n${words}\n`)
  const keys = (id: string, until: number): string =>
    `echo '${JSON.stringify({
      Version: 1,
      AccessKeyId: id,
      SecretAccessKey: 's',
      SessionToken: 't',
      Expiration: new Date(until).toISOString(),
    })}'`
  // The SDK itself refuses what has run out by the real time.
  const begin = Math.max(START, Date.now())
  let now = begin
  const clock: Clock = { now: () => now, after: () => ({ cancel() {} }) }
  await answer(keys('one', begin + 10 * MINUTE))
  await chmod(script, 0o700)
  const config = join(dir, 'config')
  await writeFile(config, `[profile p]\ncredential_process = ${script}\n`)
  const saved = { ...process.env }
  t.teardown(() => {
    process.env = saved
  })
  process.env['AWS_CONFIG_FILE'] = config
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(dir, 'none')
  const source = new CredentialSource({ profile: 'p' }, clock)
  const id = async (): Promise<string> => (await source.get()).accessKeyId
  t.equal(await id(), 'one')
  await answer('exit 1')
  t.equal(await id(), 'one', 'far from the end nobody is asked')
  now = begin + 9.5 * MINUTE
  t.equal(await id(), 'one', 'there are no others, and these still hold')
  t.equal(await id(), 'one')
  now = begin + 11 * MINUTE
  const ranOut = async (): Promise<void> => {
    const error = await Promise.resolve(source.get()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    t.ok(error instanceof StoreError)
    t.match(error, { kind: 'expired', details: { hint: /well/ } })
    t.ok((error as StoreError).passing, 'what waits is tried again')
  }
  await ranOut()
  await ranOut()
  await answer(keys('two', begin + 60 * MINUTE))
  now += 10_000
  t.equal(await id(), 'two')
})

t.test('none from the beginning is final', async t => {
  const saved = { ...process.env }
  t.teardown(() => {
    process.env = saved
  })
  process.env['AWS_CONFIG_FILE'] = '/nonexistent'
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = '/nonexistent'
  const clock: Clock = { now: () => START, after: () => ({ cancel() {} }) }
  const source = new CredentialSource({ profile: 'p' }, clock)
  await t.rejects(Promise.resolve(source.get()), { name: 'CredentialsProviderError' })
})
