// together: quick
/** Titles of tests and comments: the worst turns of phrase stay out. */
import t from 'tap'
import { sourcesOf, textOf } from './read-imports.ts'

const TITLE = /\b\w+\.test\(\s*(?:\{[^}]*\},\s*)?('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/g
/** Cases at the beginning of a title, such as `E71 G102`, `fault 6:` or `150, 151`. */
const CASES = /^(?:(?:[A-Z]\d{0,3}|faults? \d{1,2}|\d{2,3})(?:, | and | to |: | ))+/
const DOC_COMMENT = /^\s*(?:\/\*\*|\*)\s+(.*)$/gm
const LINE_COMMENT = /(?<!^\s*\/\/.*\n)^\s*\/\/ (.*)$/gm

/** Turns of phrase to avoid everywhere, with the advice. */
const FAULTS: Readonly<Record<string, RegExp>> = {
  'write "is not a" instead of "is no"': /(?<!there )\b(?:is|are|was|were) no(?! (?:longer|more|such)\b)\b/i,
  'write "again" or "new" instead of "anew"': /\banew\b/i,
  'write "the hub’s" instead of "of ours"': /\bof ours\b/i,
  'write "now" instead of "at the moment"': /\bat the moment\b/i,
}
/** Further ones in sentences: titles, and comments in lines of their own. */
const SENTENCE_FAULTS: typeof FAULTS = {
  ...FAULTS,
  'name the subject instead of "what", "who" or "those who"': /^(?:what(?!ever)|who|whoever|those who)\b/i,
}
const TITLE_FAULTS: typeof FAULTS = {
  ...SENTENCE_FAULTS,
  'name the object instead of "what"': /\bwhat (?:is|was|has|had|it|they|may|can|cannot|nobody)\b/i,
  'programs get, read and report; they do not hear, tell or heed': /\b(?:hears?|heeds?|is told|are told)\b/i,
}
const faultsOf = (texts: readonly string[], faults: typeof FAULTS): string[] =>
  texts.flatMap((text) =>
    Object.entries(faults).flatMap(([advice, fault]) => (fault.test(text) ? [`${advice}: ${text}`] : [])),
  )

t.test('a title says in plain English what the product does', (t) => {
  const titles = [...sourcesOf('test'), ...sourcesOf('core/testing')].flatMap((file) =>
    [...textOf(file).matchAll(TITLE)].map(([, title]) => title!.slice(1, -1).replace(CASES, '')),
  )
  t.ok(titles.length > 1_500, 'the titles are found')
  t.strictSame(faultsOf(titles, TITLE_FAULTS), [])
  t.end()
})

t.test('comments of the sources avoid the worst turns of phrase', (t) => {
  const texts = ['agent', 'core', 'oclif-cli', 'plugins'].flatMap(sourcesOf).map(textOf)
  const commentsOf = (kind: RegExp) =>
    texts.flatMap((text) => [...text.matchAll(kind)].map(([, one]) => one!))
  const [doc, line] = [commentsOf(DOC_COMMENT), commentsOf(LINE_COMMENT)]
  t.ok(doc.length > 4_000 && line.length > 500, 'the comments are found')
  t.strictSame(faultsOf(doc, FAULTS), [])
  t.strictSame(faultsOf(line, SENTENCE_FAULTS), [])
  t.end()
})
