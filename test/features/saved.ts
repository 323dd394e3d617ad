/**
 * An object with an access list and tags of its own, saved by editors in a later mount: a PUT takes both away, so that
 * they are set again. How editors save: into the file, a new file renamed over it, the old one renamed away first.
 */
import type { Test } from 'tap'
import type { Mount } from '../support/mount.ts'
import { curl, flush, skipped, tried, type Scene } from './scene.ts'

const FILES = ['inside', 'over', 'synced', 'away', 'renamed', 'chmod', 'large', 'in/a'] as const
const TAGS = { a: '1', b: 'zwei' }
const NEW_NAMES: Partial<Record<string, string>> = { renamed: 'renamed2', 'in/a': 'in2/a' }
/** Goes in parts. */
const LARGE = 17_000_000

export async function saved(t: Test, scene: Scene): Promise<void> {
  const { mount, bucket, other, mountMore } = scene
  await mount.sh(`mkdir '${bucket}/in'`)
  for (const name of FILES) await mount.sh(`echo old > '${bucket}/${name}'`)
  const said = await tried(mount, `setfattr -n pail.acl -v public-read '${bucket}/inside'`)
  if (/not supported/.test(said)) return skipped(t, `the server has no such lists: ${said.trim()}`)
  for (const name of FILES) {
    await mount.sh(`touch -d 2001-02-03 '${bucket}/${name}'`)
    await mount.sh(`setfattr -n pail.acl -v public-read '${bucket}/${name}'`)
    await mount.sh(`setfattr -n pail.tags -v 'a=1&b=zwei' '${bucket}/${name}'`)
  }
  await other.put(bucket, 'theirs', 'old')
  await flush(mount)
  const later = await mountMore({ source: `s3://${bucket}` })
  t.match(await later.sh('stat -c %y inside'), /^2001-02-03/, 'a list changes no time')
  t.equal(await later.sh('getfattr -d -m - inside'), '', 'the note of it is no attribute')
  await save(later)
  await flush(later)
  for (const name of FILES) {
    const key = NEW_NAMES[name] ?? name
    const url = (await later.pailfs('url', '--unsigned', `${later.dir}/${key}`)).out.trim()
    const size = name === 'large' ? LARGE : 4
    const { code, out } = await curl(url)
    t.strictSame({ code, size: out.length }, { code: 0, size }, `${name}: still public`)
    t.strictSame(await other.tags(bucket, key), TAGS, `${name}: still tagged`)
  }
  t.notOk(
    (await other.acl(bucket, 'plain')).some(grant => /AllUsers/.test(grant)),
    'nothing else gets public',
  )
  t.notOk((await other.acl(bucket, 'away~')).length === 0)
  await later.sh('setfattr -n pail.acl -v private inside; echo new2 > inside')
  await flush(later)
  t.notOk((await other.acl(bucket, 'inside')).some(grant => /AllUsers/.test(grant)))
  await later.sh('rm -r inside over synced away* renamed2 chmod large in2 plain')
  t.equal(await later.stop(), 0)
}

async function save(mount: Mount): Promise<void> {
  await mount.sh('echo new > inside; cat inside')
  await mount.sh('echo new > .over.tmp1; mv .over.tmp1 over')
  await mount.sh('echo new > synced.new; sync synced.new; mv synced.new synced')
  await mount.sh('mv away away~; echo new > away')
  await mount.sh('echo new > renamed; mv renamed renamed2')
  await mount.sh('chmod 600 chmod; touch chmod')
  await mount.sh('ls -l in; mv in in2')
  await mount.sh(`head -c ${LARGE} /dev/zero > large`)
  await mount.sh('echo new > plain')
}
