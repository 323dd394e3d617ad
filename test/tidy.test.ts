/**
 * The code base itself: which part may know which (the arrows of docs/architecture.md), who may import
 * which package, what each file must have, and what must not be in a public repository.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'
import { MOUNT_OPTIONS } from '../src/cli/option-table.ts'
import { PROJECT } from './support/servers.ts'

const MAX_LINES = 400

/** Folders of src from top to bottom, and what each may import besides itself. */
const ARROWS: Record<string, readonly string[]> = {
  cli: ['mount', 'control', 'core'],
  mount: ['control', 'observe', 'fuse', 'fs', 'writeback', 'journal', 'cache', 'store', 'core'],
  control: ['observe', 'core'],
  observe: ['core'],
  fuse: ['fs', 'core'],
  fs: ['writeback', 'journal', 'cache', 'store', 'core'],
  writeback: ['journal', 'store', 'core'],
  journal: ['core'],
  cache: ['store', 'core'],
  store: ['observe', 'core'],
  core: [],
}
/** The adapters: each knows the contract and its helpers, and only mount/ chooses between them. */
const ADAPTERS = ['store/s3', 'store/swift', 'store/memory']

/** Packages that only some folders may import. What is not listed may be imported outside PURE. */
const PACKAGES: readonly { package: RegExp; folders: readonly string[] }[] = [
  { package: /^fuse-native$/, folders: ['fuse/native'] },
  { package: /^@(aws-sdk|smithy)\//, folders: ['store/s3'] },
  { package: /^lmdb$/, folders: ['journal', 'cache'] },
  { package: /^yargs($|\/)/, folders: ['cli'] },
]
/** No input or output, no clock, no chance: all of it is handed in. */
const PURE = ['core', 'fs']
/** Packages that are pure themselves. */
const PURE_PACKAGES = /^mime($|\/)/
const IMPURE_GLOBALS =
  /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|process\.\w+)\s*[([;)]/

interface Import {
  file: string
  line: number
  specifier: string
}

const sources = filesBelow('src', /\.ts$/)
const tests = filesBelow('test', /\.ts$/)
const read = (file: string): string => readFileSync(join(PROJECT, file), 'utf8')

t.test('the parts depend downwards only', async t => {
  for (const { file, line, specifier } of sources.flatMap(importsOf)) {
    if (!specifier.startsWith('.')) continue
    const from = folderOf(file)
    const target = relative('src', join(dirname(file), specifier))
    const to = folderOf(`src/${target}`)
    if (from === to || from === '' || to === '') continue
    if (!ARROWS[from]?.includes(to)) t.fail(`${file}:${line}: ${from}/ may not import ${to}/`)
  }
  const unknown = [...new Set(sources.map(folderOf))].filter(
    folder => folder && !(folder in ARROWS),
  )
  t.same(unknown, [], 'every folder of src is in the table')
})

t.test('adapters are chosen in mount/ only', async t => {
  for (const { file, line, specifier } of sources.flatMap(importsOf)) {
    if (!specifier.startsWith('.') || file.startsWith('src/mount/')) continue
    const target = relative('src', join(dirname(file), specifier))
    const adapter = ADAPTERS.find(folder => target.startsWith(`${folder}/`))
    if (adapter && !file.startsWith(`src/${adapter}/`)) t.fail(`${file}:${line}: ${specifier}`)
  }
  t.pass(`${sources.length} files`)
})

t.test('packages are imported where they belong', async t => {
  for (const { file, line, specifier } of sources.flatMap(importsOf)) {
    if (specifier.startsWith('.')) continue
    if (PURE.includes(folderOf(file)) && !PURE_PACKAGES.test(specifier)) {
      t.fail(`${file}:${line}: ${folderOf(file)}/ is pure, no ${specifier}`)
    }
    const rule = PACKAGES.find(({ package: name }) => name.test(specifier))
    if (rule && !rule.folders.some(folder => file.startsWith(`src/${folder}/`))) {
      t.fail(`${file}:${line}: ${specifier} belongs in ${rule.folders.join(', ')}`)
    }
  }
  t.pass('all')
})

t.test('the pure parts ask neither clock nor chance nor process', async t => {
  for (const file of sources.filter(file => PURE.includes(folderOf(file)))) {
    for (const [index, line] of codeLines(file)) {
      if (IMPURE_GLOBALS.test(line)) t.fail(`${file}:${index}: ${line.trim()}`)
    }
  }
  t.pass('all')
})

t.test('every file says what it is and stays short', async t => {
  for (const file of [...sources, ...tests]) {
    const text = read(file)
    if (!/^(#!.*\n)?(\/\*\*?[\s*]|\/\/)/.test(text)) t.fail(`${file}: no header comment`)
    const lines = text.split('\n').length - 1
    if (lines > MAX_LINES) t.fail(`${file}: ${lines} lines, more than ${MAX_LINES}`)
  }
  for (const file of [...filesBelow('bin', /^[^.]+$/), ...filesBelow('test', /\.(py|sh)$/)]) {
    if (!/^(#!.*\n)?("""|#)/.test(read(file))) t.fail(`${file}: no header`)
  }
  t.pass('all')
})

t.test('nothing of this machine or of a package registry is in the repository', async t => {
  const hosts = ['registry.npm', 'npmjs.org', 'registry.yarn', 'pypi.', 'files.pythonhosted']
  hosts.push('proxy.golang', 'artifactory', 'verdaccio')
  const registry = new RegExp(`https?://[^\\s"')]*(${hosts.map(escaped).join('|')})`, 'i')
  const paths = ['/root/', '/work/', '/var/tmp/'].map(path => `(?<![\\w.~-])${path}\\w`)
  const machine = new RegExp([...paths, escaped(PROJECT)].join('|'))
  for (const file of tracked()) {
    if (file === 'test/tidy.test.ts') continue
    for (const [index, line] of read(file).split('\n').entries()) {
      if (registry.test(line))
        t.fail(`${file}:${index + 1}: a registry: ${line.trim().slice(0, 90)}`)
      if (machine.test(line)) t.fail(`${file}:${index + 1}: a path: ${line.trim().slice(0, 90)}`)
    }
  }
  t.pass('all')
})

const manual = ['README.md', ...filesBelow('docs', /\.md$/), ...filesBelow('man', /\.\d$/)].filter(
  file => existsSync(join(PROJECT, file)),
)

t.test(
  'every option of the command line is documented',
  { skip: manual.length === 0 && 'no docs yet' },
  async t => {
    const text = manual.map(read).join('\n')
    const literal = filesBelow('src/cli', /\.ts$/)
      .flatMap(file => [...read(file).matchAll(/\.option\(\s*'([\w-]+)'/g)])
      .map(match => match[1] ?? '')
    const names = new Set([...MOUNT_OPTIONS.map(({ name }) => name), ...literal])
    t.ok(names.size > 20)
    for (const name of names) {
      const option = new RegExp(`(?<![\\w-])-{1,2}${escaped(name)}(?![\\w-])`)
      if (!option.test(text)) t.fail(`--${name} is nowhere in ${manual.join(', ')}`)
    }
  },
)

/** First folder below src; empty for src/index.ts. */
function folderOf(file: string): string {
  const parts = file.split('/')
  return parts.length > 2 ? (parts[1] ?? '') : ''
}

function importsOf(file: string): Import[] {
  const text = read(file)
  const statement =
    /^\s*(?:import|export)\s(?:[^'"`;]*?\sfrom\s)?\s*'([^']+)'|\bimport\('([^']+)'\)/gm
  return [...text.matchAll(statement)].map(match => ({
    file,
    line: text.slice(0, match.index).split('\n').length,
    specifier: match[1] ?? match[2] ?? '',
  }))
}

/** Lines that are not comments, numbered from 1. */
function codeLines(file: string): [number, string][] {
  return read(file)
    .split('\n')
    .map((line, index): [number, string] => [index + 1, line.replace(/\/\/.*$/, '')])
    .filter(([, line]) => !/^\s*(\/?\*|\/\*)/.test(line))
}

function filesBelow(folder: string, name: RegExp): string[] {
  if (!existsSync(join(PROJECT, folder))) return []
  return readdirSync(join(PROJECT, folder), { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile() && name.test(entry.name))
    .map(entry => relative(PROJECT, join(entry.parentPath, entry.name)))
    .sort()
}

/** Text files that git has or would take; without git (a tarball), the sources. */
function tracked(): string[] {
  try {
    const args = ['-C', PROJECT, 'ls-files', '--cached', '--others', '--exclude-standard']
    const files = execFileSync('git', args, { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n')
    return files.filter(file => file !== '' && existsSync(join(PROJECT, file)))
  } catch {
    return [...sources, ...tests]
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`)
}
