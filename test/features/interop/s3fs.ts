/** s3fs: what it writes is shown right, and what pailfs writes it shows. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { program, sh } from '../../support/shell.ts'
import { TIME, TOUCH, type Scene } from './scene.ts'

export async function s3fs(t: Test, { server, bucket, work, tool, ours, flush, keys }: Scene) {
  const { accessKeyId, secretAccessKey } = server.s3
  const dir = join(work, 'fs')
  await mkdir(dir)
  const access = {
    AWSACCESSKEYID: accessKeyId,
    AWSSECRETACCESSKEY: secretAccessKey,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }
  const options = `url=${server.endpoint},use_path_request_style,stat_cache_expire=1,use_xattr`
  await tool(`s3fs ${bucket} fs -o ${options}`, access)
  t.teardown(() => program('fusermount3', ['-uzq', dir]))
  const theirs = (command: string) => sh(command, { cwd: dir })

  await theirs(`printf 'by s3fs' > f; chmod 640 f; chown 7:8 f; setfattr -n user.note -v kept f
    mkdir d; chmod 750 d; printf x > d/in; ln -s f l; touch -d ${TOUCH} f d; sync f`)
  t.equal(await ours('cat f'), 'by s3fs')
  t.equal((await ours(`stat -c '%a %u %g %.3Y' f`)).trim(), `640 7 8 ${TIME}.789`)
  t.equal(await ours('getfattr --only-values -n user.note f'), 'kept')
  t.equal((await ours(`stat -c '%F %a %Y' d`)).trim(), `directory 750 ${TIME}`)
  t.equal((await ours('readlink l; cat d/in')).trim(), 'f\nx')
  await ours('mv d e; rm e/in; rmdir e')
  await flush()
  t.same(await keys(), ['f', 'l'], 'its directories leave nothing behind')

  await ours(`printf ours > o; chmod 600 o; chown 7:8 o; touch -d ${TOUCH} o
    mkdir -p od/empty; chmod 750 od; ln -s o ol; head -c 12000000 /dev/urandom > od/large
    touch -d ${TOUCH} od`)
  await flush()
  t.equal(await theirs('cat o; stat -c " %a %u %g %Y" o'), `ours 600 7 8 ${TIME}\n`)
  t.equal((await theirs('readlink ol; stat -c "%F %a %Y" od')).trim(), `o\ndirectory 750 ${TIME}`)
  t.equal((await theirs('stat -c %F od/empty; ls od')).trim(), 'directory\nempty\nlarge')
  t.equal(await theirs('md5sum < od/large'), await ours('md5sum < od/large'), 'a file in parts')
  await program('fusermount3', ['-u', dir])
}
