/**
 * An object with an access list and tags of its own, saved by editors in a later mount: a PUT takes both away, so that
 * they are set again. How editors save: into the file, a new file renamed over it, the old one renamed away first.
 */
import type { Test } from 'tap'
import type { Mount } from '../support/mount.ts'
import { flush, isPublic, openFor, skipped, tried, type Scene } from './scene.ts'

const FILES = [
  'inside',
  'over',
  'synced',
  'away',
  'renamed',
  'chmod',
  'large',
  'big',
  'in/a',
] as const
const TAGS = { a: '1', b: 'zwei' }
const NEW_NAMES: Partial<Record<string, string>> = { renamed: 'renamed2', 'in/a': 'in2/a' }
/** Goes in parts. */
const LARGE = 17_000_000

export async function saved(t: Test, scene: Scene): Promise<void> {
  const { mount, bucket, other, mountMore } = scene
  await mount.sh(`mkdir '${bucket}/in'`)
  await mount.sh(`cd '${bucket}'; for f in ${FILES.join(' ')}; do echo old > "$f"; done`)
  const said = await tried(mount, `setfattr -n pail.acl -v public-read '${bucket}/inside'`)
  if (/not supported/.test(said)) return skipped(t, `the server has no such lists: ${said.trim()}`)
  const tagged = (await tried(mount, `setfattr -n pail.tags -v a=1 '${bucket}/inside'`)) === ''
  if (!tagged) skipped(t, 'the server has no tags')
  const tag = tagged ? `setfattr -n pail.tags -v 'a=1&b=zwei' "$f"` : 'true'
  const each = `touch -d 2001-02-03 "$f"; setfattr -n pail.acl -v public-read "$f"; ${tag}`
  await mount.sh(`cd '${bucket}'; for f in ${FILES.join(' ')}; do (${each}) & done; wait`)
  await other.put(bucket, 'theirs', 'old')
  const counted = tagged && (await other.tag(bucket, 'theirs', TAGS))
  await flush(mount)
  const later = await mountMore({ source: `s3://${bucket}` })
  t.match(await later.sh('stat -c %y inside'), /^2001-02-03/, 'a list changes no time')
  t.equal(await later.sh('getfattr -d -m - inside'), '', 'the note of it is no attribute')
  await save(later)
  await flush(later)
  for (const name of FILES) {
    const key = NEW_NAMES[name] ?? name
    const { size } = await other.head(bucket, key)
    const open = await isPublic(scene, bucket, key)
    t.strictSame(
      [size, open],
      [['large', 'big'].includes(name) ? LARGE : 4, true],
      `${name}: still public`,
    )
    if (tagged) t.strictSame(await other.tags(bucket, key), TAGS, `${name}: still tagged`)
  }
  const url = (await later.pailfs('url', '--unsigned', `${later.dir}/over`)).out.trim()
  await openFor(t, url, 'new\n')
  t.notOk(await isPublic(scene, bucket, 'plain'), 'nothing else gets public')
  if (counted) t.strictSame(await other.tags(bucket, 'theirs'), TAGS, 'tags that others set')
  else skipped(t, 'the server does not tell in a HEAD that there are tags')
  await later.sh('setfattr -n pail.acl -v private inside; echo new2 > inside')
  await flush(later)
  t.notOk(await isPublic(scene, bucket, 'inside'))
  await later.sh('rm -r inside over synced away* renamed2 chmod large big in2 plain theirs')
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
  await mount.sh(`head -c ${LARGE} /dev/zero > .big.a1b2c3; mv .big.a1b2c3 big`)
  await mount.sh('echo new > plain; echo new > theirs')
}
