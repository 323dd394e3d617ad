/** Units: what people write and what is meant. */
import t from 'tap'
import {
  formatDuration,
  formatSize,
  parseCount,
  parseDuration,
  parseFlag,
  parseMode,
  parseSize,
} from '../../src/cli/units.ts'

/** Each line: text and result; undefined where it must be refused. */
function table<T>(name: string, parse: (text: string) => T, rows: [string, T | undefined][]) {
  t.test(name, async t => {
    for (const [text, expected] of rows) {
      if (expected === undefined)
        t.throws(() => parse(text), { name: 'UnitError' }, `"${text}" is refused`)
      else t.equal(parse(text), expected, text)
    }
  })
}

table('sizes', parseSize, [
  ['0', 0],
  ['4096', 4096],
  ['1k', 1024],
  ['1K', 1024],
  ['1KiB', 1024],
  ['1kB', 1000],
  ['64MiB', 67108864],
  ['64M', 67108864],
  ['64 MiB', 67108864],
  ['1.5GiB', 1610612736],
  ['10GB', 10_000_000_000],
  ['2TiB', 2 ** 41],
  ['7B', 7],
  ['', undefined],
  ['MiB', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['3q', undefined],
  ['0x10', undefined],
  ['99999PiB', undefined],
])

table('durations', parseDuration, [
  ['0', 0],
  ['60', 60_000],
  ['60s', 60_000],
  ['500ms', 500],
  ['1.5s', 1500],
  ['5m', 300_000],
  ['5min', 300_000],
  ['1h', 3_600_000],
  ['2d', 172_800_000],
  ['1 s', 1000],
  ['', undefined],
  ['1y', undefined],
  ['-3s', undefined],
  ['soon', undefined],
])

table('modes', parseMode, [
  ['644', 0o644],
  ['0644', 0o644],
  ['0o600', 0o600],
  ['4755', 0o4755],
  ['888', undefined],
  ['u+x', undefined],
  ['', undefined],
])

table('counts', parseCount, [
  ['0', 0],
  ['1000', 1000],
  ['1.5', undefined],
  ['-1', undefined],
  ['many', undefined],
])

table('flags', parseFlag, [
  ['', true],
  ['true', true],
  ['YES', true],
  ['0', false],
  ['no', false],
  ['perhaps', undefined],
])

t.test('formats', async t => {
  t.equal(formatSize(0), '0 B')
  t.equal(formatSize(1023), '1023 B')
  t.equal(formatSize(1536), '1.5 KiB')
  t.equal(formatSize(256 * 2 ** 20), '256 MiB')
  t.equal(formatSize(10 * 2 ** 30), '10 GiB')
  t.equal(formatDuration(250), '250 ms')
  t.equal(formatDuration(60_000), '60 s')
  t.equal(formatDuration(300_000), '5 min')
  t.equal(formatDuration(3 * 86_400_000), '3 d')
})
