/** `pailfs ls` and `pailfs stat`, as a person and a program use them. */
import type { Test } from 'tap'
import type { Scene } from './scene.ts'

export async function commands(t: Test, scene: Scene): Promise<void> {
  await Promise.all([ls(t, scene), stat(t, scene)])
}

async function ls(t: Test, { mount, bucket, scheme }: Scene): Promise<void> {
  const list = (...words: string[]) =>
    mount.pailfs('ls', ...words, ...(scheme === 's3' ? ['--path-style'] : []))
  const all = await list(`${scheme}:`)
  t.match(all.out, new RegExp(`^20\\d\\d-\\d\\d-\\d\\d [\\d:]{8} +${bucket}$`, 'm'), all.err)
  const one = await list(`${scheme}://${bucket}`)
  t.match(one.out, /^20\S+ \S+ +6 {2}data\.bin$/m, one.err)
  const found = await list('--json', `${scheme}://${bucket}`)
  const listed = JSON.parse(found.out) as { name: string; size?: number; time?: number }[]
  t.match(
    listed.find(({ name }) => name === 'data.bin'),
    { size: 6, time: Number },
  )
  const none = await list(`${scheme}://${bucket}-none`)
  t.equal(none.code, 5)
  t.match(none.err, new RegExp(`${bucket}-none|NoSuchBucket`))
}

async function stat(t: Test, { mount, bucket, scheme }: Scene): Promise<void> {
  const file = `${mount.dir}/${bucket}/data.bin`
  const shown = await mount.pailfs('stat', file)
  t.match(shown.out, /^size: +6 /m, shown.err)
  t.match(shown.out, /^user\.meta2: +two$/m)
  t.match(shown.out, /^content type: +text\/x-one$/m)
  const json = JSON.parse((await mount.pailfs('stat', '--json', file)).out) as { key: string }
  t.match(json, { key: `${bucket}/data.bin`, state: 'stored', stored: { size: 6 } })
  const whole = await mount.pailfs('stat', `${mount.dir}/${bucket}`)
  t.match(whole.out, new RegExp(`^bucket: +${bucket}\\nurl: +http.*\\ncreated: +20\\d\\d-`))
  const all = await mount.pailfs('stat', mount.dir)
  t.match(all.out, new RegExp(`^bucket: +${scheme}:`))
  const gone = await mount.pailfs('stat', `${file}-none`)
  t.equal(gone.code, 1)
  t.match(gone.err, /no such file/i)
  const outside = await mount.pailfs('stat', '/etc/hostname')
  t.equal(outside.code, 3)
  t.match(outside.err, /not in a pailfs mount/)
}
