/** `pailfs ls` and `pailfs stat`, as a person and a program use them. */
import type { Test } from 'tap'
import type { Scene } from './scene.ts'

export async function commands(t: Test, { mount, bucket, scheme }: Scene): Promise<void> {
  const style = scheme === 's3' ? ['--path-style'] : []
  const listing = await mount.pailfs('ls', `${scheme}:`, ...style)
  t.match(
    listing.out,
    new RegExp(`^20\\d\\d-\\d\\d-\\d\\d [\\d:]{8} +${bucket}$`, 'm'),
    listing.err,
  )
  const one = await mount.pailfs('ls', `${scheme}://${bucket}`, ...style)
  t.match(one.out, /^20\S+ \S+ +6 {2}data\.bin$/m, one.err)
  const found = await mount.pailfs('ls', '--json', `${scheme}://${bucket}`, ...style)
  const listed = JSON.parse(found.out) as { name: string; size?: number; time?: number }[]
  t.match(
    listed.find(({ name }) => name === 'data.bin'),
    { size: 6, time: Number },
  )
  const none = await mount.pailfs('ls', `${scheme}://${bucket}-none`, ...style)
  t.not(none.code, 0)
  t.match(none.err, new RegExp(`${bucket}-none|NoSuchBucket`))
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
  t.not(gone.code, 0)
  t.match(gone.err, /no such file/i)
  const outside = await mount.pailfs('stat', '/etc/hostname')
  t.equal(outside.code, 3)
  t.match(outside.err, /not in a pailfs mount/)
}
