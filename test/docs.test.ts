/**
 * That the documents and the code say the same: options, exit codes, errnos, defaults, links. What the
 * documents promise is tested elsewhere; here is what would become wrong unnoticed.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parseDashO } from '../src/cli/dash-o.ts'
import { EXIT } from '../src/cli/exit.ts'
import { main } from '../src/cli/main.ts'
import { MOUNT_OPTIONS } from '../src/cli/option-table.ts'
import { ERRNO_OF, PASSING } from '../src/core/errors.ts'
import type { StoreErrorKind } from '../src/core/errors.ts'
import { program } from './support/shell.ts'
import { PROJECT } from './support/servers.ts'

const PAGES = ['README.md', 'docs/semantics.md', 'native-setup.md', 'docs/architecture.md']
/** Options of other programs that the pages name. */
const OTHERS = new Set(
  [
    'keep stop no-fuse no-install', // bin/demo, bin/test
    'global ignore-scripts', // npm
    'now only-values', // systemctl, getfattr
    'rm device cap-add security-opt mount time user', // docker
    'symlink-target', // a field of user metadata
  ].flatMap(names => names.split(' ')),
)

const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8')
const manual = read('man/pailfs.1')

async function helpOf(...command: string[]): Promise<string> {
  let out = ''
  const io = { out: (text: string) => void (out += text), err: () => {}, env: {}, script: '' }
  t.equal(await main([...command, '--help'], io), EXIT.ok)
  return out
}

function optionsIn(help: string): string[] {
  return [...help.matchAll(/^\s+(?:-\w, )?\s*--([a-z][\w-]*)/gm)].map(match => match[1] ?? '')
}

const commands = [...(await helpOf()).matchAll(/^ {2}pailfs ([a-z]+) /gm)].map(
  ([, name = '']) => name,
)
const helps: string[] = []
for (const command of commands) helps.push(await helpOf(command))
const known = new Set(helps.flatMap(optionsIn))
/** In mdoc an option is `Fl -name`. */
const inManual = new Set([...manual.matchAll(/\bFl -([a-z][\w-]*)/g)].map(match => match[1] ?? ''))

t.test('the manual page has every command and option, and no other', async t => {
  t.ok(commands.length > 5)
  for (const command of commands) t.match(manual, new RegExp(`^\\.It Cm ${command}\\b`, 'm'))
  t.ok(known.size > 40)
  t.same(
    [...known].filter(name => !inManual.has(name)),
    [],
    'not in the manual page',
  )
  t.same(
    [...inManual].filter(name => !known.has(name)),
    [],
    'not on the command line',
  )
  for (const { name, choices = [] } of MOUNT_OPTIONS) {
    const entry = manual.slice(manual.search(new RegExp(`^\\.It .*Fl -${name}\\b`, 'm')))
    const text = entry.slice(0, entry.indexOf('\n.It ', 1))
    for (const choice of choices) t.match(text, choice, `--${name} ${choice}`)
  }
})

const formatter = await program('sh', ['-c', 'command -v man && command -v groff'])
const skip = formatter.code === 0 ? false : 'man is not installed'
t.test('the manual page is clean mdoc', { skip }, async t => {
  const { code, err } = await program('man', ['--warnings', '-l', join(PROJECT, 'man/pailfs.1')])
  t.match({ code, err }, { code: 0, err: /^$/ })
})

t.test('the pages name only options that exist', async t => {
  for (const page of PAGES) {
    const text = read(page)
    const unknown = [...text.matchAll(/(?<![\w-])--([a-z][\w-]*)/g)]
      .map(match => match[1] ?? '')
      .filter(name => !known.has(name) && !OTHERS.has(name))
    t.same(unknown, [], page)
    for (const [, name = ''] of text.matchAll(/\bPAILFS_([A-Z][A-Z_]*)=/g)) {
      const option = name.toLowerCase().replaceAll('_', '-')
      t.ok(known.has(option) || option === 'demo-dir', `${page}: PAILFS_${name}`)
    }
    for (const [, options = ''] of text.matchAll(/pailfs mount .* -o ([\w=,-]+)/g)) {
      t.doesNotThrow(() => parseDashO([options]), `${page}: -o ${options}`)
    }
    for (const [, options = ''] of text.matchAll(/^s3:\S+ +\S+ +pailfs +(\S+)/gm)) {
      t.doesNotThrow(() => parseDashO([options]), `${page}: fstab ${options}`)
    }
  }
})

t.test('the README has the right defaults and every exit code', async t => {
  const readme = read('README.md')
  for (const { name, standard } of MOUNT_OPTIONS) {
    const row = new RegExp(`^\\| \`--${name} [A-Z]+\` +\\| .*\\| (.*?) +\\|$`, 'm').exec(readme)
    if (row) t.equal(row[1], standard, name)
  }
  const codes = [...readme.matchAll(/^\| (\d) +\| /gm)].map(match => Number(match[1]))
  t.same(codes, Object.values(EXIT))
  const status = manual.slice(manual.indexOf('.Sh EXIT STATUS'), manual.indexOf('.Sh EXAMPLES'))
  t.same(
    [...status.matchAll(/^\.It (\d)$/gm)].map(match => Number(match[1])),
    codes,
  )
})

t.test('the table of causes is the one of the code', async t => {
  const rows = read('docs/semantics.md').matchAll(
    /^\| [^|]+ \| ([a-z-]+) +\| (E[A-Z]+) +\| (yes|no) +\|$/gm,
  )
  const told = Object.fromEntries([...rows].map(([, kind = '', ...rest]) => [kind, rest]))
  const coded = Object.entries(ERRNO_OF).map(([kind, errno]) => {
    const passes = PASSING.has(kind as StoreErrorKind) ? 'yes' : 'no'
    return [kind, [errno, passes]] as const
  })
  t.same(told, Object.fromEntries(coded))
})

t.test(
  'every pail.* attribute that the pages name is in the code, and the other way round',
  async t => {
    const source = read('src/fs/control-xattr.ts')
    const tables = source.slice(source.indexOf('const HEADERS'), source.indexOf('export '))
    const coded = [...tables.matchAll(/^ {2}'?([a-z-]+)'?: /gm)].map(match => match[1] ?? '')
    const rows = read('docs/semantics.md').matchAll(/^\| `pail\.([a-z-]+)`/gm)
    t.same([...rows].map(match => match[1] ?? '').sort(), [...new Set(coded)].sort())
  },
)

t.test('links lead somewhere', async t => {
  const docs = readdirSync(join(PROJECT, 'docs')).map(name => `docs/${name}`)
  for (const page of ['README.md', 'CHANGELOG.md', 'native-setup.md', ...docs]) {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page : join(dirname(page), file)
      t.ok(existsSync(join(PROJECT, path)), `${page}: ${target}`)
      if (anchor !== undefined) t.ok(headings(path).includes(anchor), `${page}: ${target}`)
    }
  }
})

/** The anchors that a page's headings have. */
function headings(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}
