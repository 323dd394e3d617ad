/**
 * Objects with the metadata that programs document which cannot be had here or only speak to their own service (FSx,
 * DataSync, geesefs, gcsfuse, s3sync, Hadoop, old s3fs, svfs, cloudfuse), stored by a second client.
 */
import type { Test } from 'tap'
import { TIME, type Raw, type Scene } from './scene.ts'

interface Fixture extends Raw {
  /** What `stat -c '%F %a %u %g'` says, and the time. */
  readonly shown: string
  readonly time?: string
  /** A symlink's target. */
  readonly target?: string
  /** The name in the mount, where it is not the key's. */
  readonly name?: string
}

const FILE = 'regular file'

const S3: readonly Fixture[] = [
  {
    key: 'fsx',
    body: 'x',
    user: {
      'file-permissions': '0100640',
      'file-owner': '7',
      'file-group': '8',
      'file-mtime': `${TIME}789000000ns`,
      'user-agent': 'aws-fsx-lustre',
    },
    shown: `${FILE} 640 7 8`,
    time: `${TIME}.789000000`,
  },
  {
    key: 'fsx-dir/',
    user: { 'file-permissions': '0040750', 'file-owner': '7', 'file-group': '8' },
    name: 'fsx-dir',
    shown: 'directory 750 7 8',
  },
  {
    key: 'fsx-link',
    body: 'fsx',
    user: { 'file-permissions': '0120777', 'file-owner': '7', 'file-group': '8' },
    target: 'fsx',
    shown: 'symbolic link 777 7 8',
  },
  {
    key: 'datasync',
    body: 'x',
    user: { 'file-permissions': '0100600', 'file-mtime': `${TIME}789` },
    shown: `${FILE} 600 0 0`,
    time: `${TIME}.789000000`,
  },
  {
    key: 'geesefs',
    body: 'x',
    user: { mode: '33200', uid: '7', gid: '8', mtime: TIME },
    shown: `${FILE} 660 7 8`,
    time: `${TIME}.000000000`,
  },
  {
    key: 'geesefs-link',
    user: { '--symlink-target': 'a%20b', mode: '41471', uid: '7', gid: '8' },
    target: 'a b',
    shown: 'symbolic link 777 7 8',
  },
  {
    key: 'rclone-metadata',
    body: 'x',
    user: { mode: '100640', uid: '7', gid: '8', mtime: `${TIME}.5` },
    shown: `${FILE} 640 7 8`,
    time: `${TIME}.500000000`,
  },
  {
    key: 'gcsfuse',
    body: 'x',
    user: { gcsfuse_mtime: '2001-02-03T04:05:06.789Z' },
    shown: `${FILE} 644 0 0`,
    time: `${TIME}.789000000`,
  },
  {
    key: 'gcsfuse-link',
    body: 'gcsfuse',
    user: { 'goog-reserved-file-is-symlink': 'true' },
    target: 'gcsfuse',
    shown: 'symbolic link 777 0 0',
  },
  {
    key: 'gsutil',
    body: 'x',
    user: {
      'goog-reserved-file-mtime': TIME,
      'goog-reserved-posix-mode': '640',
      'goog-reserved-posix-uid': '7',
      'goog-reserved-posix-gid': '8',
    },
    shown: `${FILE} 640 7 8`,
    time: `${TIME}.000000000`,
  },
  {
    key: 's3sync',
    body: 'x',
    user: { permissions: '416', owner: '7', group: '8' },
    shown: `${FILE} 640 7 8`,
  },
  { key: 's3n_$folder$', name: 's3n', shown: 'directory 755 0 0' },
  {
    key: 'old-s3fs',
    type: 'application/x-directory',
    user: { mode: '16872', uid: '7', gid: '8', mtime: TIME },
    shown: 'directory 750 7 8',
    time: `${TIME}.000000000`,
  },
  { key: 'unix-dir', type: 'httpd/unix-directory', shown: 'directory 755 0 0' },
]

const SWIFT: readonly Fixture[] = [
  {
    key: 'marker',
    type: 'application/directory',
    user: { Mtime: `${TIME}.000000` },
    shown: 'directory 755 0 0',
    time: `${TIME}.000000000`,
  },
  { key: 'historic', type: 'text/directory', shown: 'directory 755 0 0' },
  { key: 'full', type: 'application/directory', shown: 'directory 755 0 0' },
  {
    key: 'cloudfuse',
    type: 'application/link',
    body: 'marker',
    target: 'marker',
    shown: 'symbolic link 777 0 0',
  },
  {
    key: 'svfs',
    type: 'application/link',
    user: { 'Symlink-Target': 'marker' },
    target: 'marker',
    shown: 'symbolic link 777 0 0',
  },
]

export async function documented(t: Test, scene: Scene): Promise<void> {
  const { s3, put, ours, flush, keys } = scene
  const fixtures = s3 ? S3 : SWIFT
  const inside = s3 ? 'old-s3fs/f' : 'full/f'
  for (const { key, body, type, user } of fixtures) {
    const given = { key, ...(body === undefined ? {} : { body }), ...(user ? { user } : {}) }
    await put(type === undefined ? given : { ...given, type })
  }
  await put({ key: inside, body: 'inside' })
  const names = fixtures.map(({ key, name }) => name ?? key)
  t.same((await ours('ls')).trim().split('\n'), names.toSorted(), 'one name each')
  for (const { key, name = key, shown, time, target } of fixtures) {
    t.equal((await ours(`stat -c '%F %a %u %g' '${name}'`)).trim(), shown, key)
    if (time !== undefined)
      t.equal((await ours(`stat -c %.9Y '${name}'`)).trim(), time, `${key}: time`)
    if (target !== undefined) t.equal((await ours(`readlink '${name}'`)).trim(), target)
  }
  t.equal(await ours(`cat ${inside}`), 'inside')
  const dirs = fixtures.filter(({ shown }) => shown.startsWith('directory'))
  for (const { key, name = key } of dirs) await ours(`mv ${name} moved-${name}`)
  await flush()
  const moved = await keys()
  for (const { key } of dirs) t.notOk(moved.includes(key), `${key} is not left behind by mv`)
  await ours('rm -r *')
  await flush()
  t.same(await keys(), [], 'nor by rm')
}
