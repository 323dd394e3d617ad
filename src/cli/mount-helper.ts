/** The calling convention of mount(8)'s helpers: `SOURCE DIR [-sfnv] [-N namespace] [-o options] [-t type]`. */

/** The same as words for `main`; undefined for a trial run (`-f`), which must do nothing. */
export function helperArguments(argv: readonly string[]): readonly string[] | undefined {
  const plain: string[] = []
  const options: string[] = []
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? ''
    if (word === '-o') options.push(argv[(index += 1)] ?? '')
    else if (word === '-t' || word === '-N') index += 1
    else if (/^-[snv]*f[snv]*$/.test(word)) return undefined
    else if (!/^-[snv]+$/.test(word)) plain.push(word)
  }
  return ['mount', ...plain, ...options.flatMap(text => ['-o', text])]
}
