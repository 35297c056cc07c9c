import type { DocumentationPlace } from '@mezite/core/types'
import type { Page } from './contents.ts'
import type { Rendered } from './markdown.ts'

/** The search over all pages. */
export interface Search {
  find(query: string): readonly DocumentationPlace[]
  /** For the script of the pages: the index with its options. */
  readonly json: string
}

/** Words that questions have and answers need not have. */
const STOP =
  'a an and are as at be by can do does for from how i if in is it me my no not of on or so that the there they this to was we what when where which who why will with you your happens work works get mezite behind our us has have had been being were somebody someone anybody anyone should could would must'
/** Pages for authors and the history of changes mention everything, and answer few questions of operators. */
const RANKS = [
  ['build/', 0.4],
  ['plugins/', 0.6],
  ['compare/', 0.7],
  ['look-up/plugin-configuration', 0.5],
  ['look-up/command-line', 0.6],
  ['changes/', 0.1],
  // Words that both languages have, such as "passkey", are mostly meant in English.
  ['start/people-de', 0.3],
] as const
/** A section answers better than the page that it is in. */
const WHOLE_PAGE = 0.8
const RESULTS = 12
const MOST_WORDS = 10
const EXCERPT = 160
/** Characters; a longer page is a list of things to look up. */
const LONGEST_WHOLE = 12_000
const OPTIONS = {
  fields: ['heading', 'title', 'words', 'text'],
  storeFields: ['title', 'heading', 'excerpt', 'rank'],
  searchOptions: { boost: { heading: 4, title: 2, words: 3 }, prefix: true, fuzzy: 0.2 },
}

/** The searches for these words, the strictest first. `search.js` has the same for the browser. */
function queriesOf(words: readonly string[]) {
  const all = (queries: readonly string[]) => ({ combineWith: 'AND' as const, queries: [...queries] })
  const butOne = words.map((_, at) => all(words.toSpliced(at, 1)))
  const any = { combineWith: 'OR' as const, queries: [...words] }
  return [all(words), ...(words.length > 2 ? [{ combineWith: 'OR' as const, queries: butOne }] : []), any]
}

/** Builds the index in small steps, between which the hub serves other requests. */
export async function createSearch(
  rendered: readonly { readonly page: Page; readonly rendered: Rendered }[],
): Promise<Search> {
  const { default: MiniSearch } = await import('minisearch')
  const index = new MiniSearch<{ id: string }>(OPTIONS)
  const passages = rendered.flatMap(({ page, rendered }) => {
    // A page is found by words that are in different sections of it.
    const whole = rendered.passages.map(({ heading, text }) => `${heading} ${text}`).join(' ')
    return rendered.passages.map(({ anchor, heading, text, level }) => ({
      id: anchor === '' ? page.name : `${page.name}#${anchor}`,
      title: page.title,
      heading,
      words: level === 1 ? rendered.words : '',
      text: level === 1 && whole.length < LONGEST_WHOLE ? whole : text,
      rank:
        (RANKS.find(([start]) => page.name.startsWith(start))?.[1] ?? 1) * (anchor === '' ? WHOLE_PAGE : 1),
      excerpt: text.length > EXCERPT ? `${text.slice(0, EXCERPT).trimEnd()}…` : text,
    }))
  })
  const unique = [...new Map(passages.map((passage) => [passage.id, passage])).values()]
  await index.addAllAsync(unique, { chunkSize: 20 })
  const stop = STOP.split(' ')
  return {
    find(query) {
      const all = query.toLowerCase().split(/[\s?!.,]+/)
      const words = all.filter((word) => !stop.includes(word)).filter(Boolean)
      const wanted = (words.length === 0 ? all : words).slice(0, MOST_WORDS)
      const boostDocument = (_id: string, _term: string, stored?: Record<string, unknown>) =>
        Number(stored?.rank)
      // First what has every word, then all but one of them, then any.
      const found = queriesOf(wanted).flatMap((query) => index.search(query, { boostDocument }))
      return found
        .filter(({ id }, place) => found.findIndex((other) => other.id === id) === place)
        .slice(0, RESULTS) as unknown as DocumentationPlace[]
    },
    json: JSON.stringify({ stop, results: RESULTS, options: OPTIONS, index }),
  }
}
