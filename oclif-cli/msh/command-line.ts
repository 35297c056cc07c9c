/**
 * The words after `--`, exactly as they were typed: the parser of the command line puts words that occur twice into another
 * order. Null: there is no `--`.
 */
export function wordsAfterDashes(argv: readonly string[]): readonly string[] | null {
  const at = argv.indexOf('--')
  return at === -1 ? null : argv.slice(at + 1)
}
