import { sourcesOf, textOf } from '../../../oclif-cli/packaging/sources.ts'

/** A string literal or template of the sources, with `…` for what is filled in. */
const LITERAL = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/y

/** All programs and plugins, without pages for browsers. */
export const programSources = (): string[] =>
  ['core', 'agent', 'plugins', 'oclif-cli']
    .flatMap(sourcesOf)
    .filter(
      (file) =>
        !/^(core\/(testing|program\/dev)|oclif-cli\/packaging|plugins\/[^/]+\/(web|browser|generator))\//.test(
          file,
        ),
    )

/** The literal that begins at an index of a text, after white space; null if there is another expression. */
function literalAt(text: string, index: number): { value: string; end: number } | null {
  LITERAL.lastIndex = index + /^\s*/.exec(text.slice(index))![0].length
  const match = LITERAL.exec(text)
  if (match === null) return null
  const value = (match[1] ?? match[2] ?? match[3]!)
    .replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '…')
    .replaceAll(/\\(['"`\\])/g, '$1')
    .replaceAll(/\s+/g, ' ')
  return { value, end: LITERAL.lastIndex }
}

/** A code in the sources, and the sentence beside it, if that is a literal. */
export interface Use {
  readonly code: string
  readonly text: string | null
  readonly file: string
}

/**
 * Codes that match, wherever one is an argument of a call (`new MezError('MEZ_USAGE_WRONG', 'NAME is missing')`), an element of a
 * pair or a value. Each with the literal that follows.
 */
export function usesOf(pattern: RegExp): Use[] {
  return programSources().flatMap((file) => {
    const text = textOf(file)
    return [...text.matchAll(pattern)].map((match) => {
      const code = match.groups!.code!
      const end = match.index + match[0].length
      const comma = /^\s*,/.exec(text.slice(end))
      const sentence = comma === null ? null : literalAt(text, end + comma[0].length)
      return { code, text: sentence?.value ?? null, file }
    })
  })
}

/** Values of one list, each once, sorted. */
export const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort()

/** A number that a source file gives a name: `const MOST = 1_000`. */
export function numberIn(file: string, name: string): number {
  const found = new RegExp(`\\b${name}\\b(?: = |: )([\\d_]+)`).exec(textOf(file))
  if (found === null) throw new Error(`${file} has no number ${name}`)
  return Number(found[1]!.replaceAll('_', ''))
}
