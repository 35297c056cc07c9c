/** A search of lists, the same in the API, the dashboard and the command line. @internal */
export interface Search {
  /**
   * How well an entry matches: the higher the better, below 100, and 0 if it does not. The first text is what people call the
   * entry; the others are further names, labels as `team=data` and states as `state:ready`.
   */
  rank(texts: readonly string[], spelling?: 'exact' | 'near'): number
  /** Whether the entry is in the states that the search names. */
  inStates(texts: readonly string[]): boolean
}

interface Word {
  readonly text: string
  /** `team=` of `team=data`: entries with such a text match by that text alone. */
  readonly key: string | null
}

/** Shorter words are never taken for mistyped ones. */
const LEAST_MISTYPED = 4
const STATE = 'state:'

/** In lower case and without accents; one text a line, with an empty line before and after. */
const linesOf = (texts: readonly string[]): string =>
  `\n${texts.join('\n')}\n`.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()

/**
 * The search for words in any order, all of which an entry has: `berlin grafana`, `team=data`, `state:unreachable`, `"two words"`.
 * Spelled `near`, one word may have one letter more, less, wrong or swapped.
 */
export function searchFor(query: string): Search {
  const quoted = linesOf([query]).match(/(?:"[^"]*"|[^\s"])+/g) ?? []
  const texts = [...new Set(quoted.map((word) => word.replaceAll('"', '')))].filter(Boolean)
  const states = texts.filter((text) => text.startsWith(STATE))
  const words = texts.filter((text) => !text.startsWith(STATE)).map(wordOf)
  return {
    rank(texts, spelling = 'exact') {
      if (words.length === 0) return 1
      const lines = linesOf(texts)
      const head = lines.slice(1, lines.indexOf('\n', 1))
      let sum = 0
      let letters = 0
      let mistyped = 0
      for (const word of words) {
        const rank = rankOf(word, lines, head)
        sum += rank
        if (head.includes(word.text)) letters += word.text.length
        if (rank === 0 && (spelling === 'exact' || ++mistyped > 1 || !isMistyped(word, lines))) return 0
      }
      // Of two names that match alike, the one of which the search has more is better.
      return 1 + (10 * sum) / words.length + Math.min(9, (9 * letters) / Math.max(head.length, 1))
    },
    inStates(texts) {
      const lines = states.length === 0 ? '' : linesOf(texts)
      return states.every((state) => lines.includes(`\n${state}\n`))
    },
  }
}

function wordOf(text: string): Word {
  const [key = null] = /^[a-z][\w./-]*[:=](?!\/\/)(?=.)/.exec(text) ?? []
  return { text, key }
}

function rankOf({ text, key }: Word, lines: string, head: string): number {
  if (!lines.includes(text)) return 0
  if (key !== null && lines.includes(`\n${key}`)) return lines.includes(`\n${text}\n`) ? 4 : 0
  if (!head.includes(text)) return placeOf(text, lines)
  if (head.startsWith(text)) return head === text ? 8 : 7
  const place = placeOf(text, head)
  return place === 1 ? 2 : place + 3.5
}

/** 3 as a whole word, 2 at the beginning of one, 1 in the middle. */
function placeOf(text: string, lines: string): number {
  let place = 1
  for (let at = lines.indexOf(text); at >= 0; at = lines.indexOf(text, at + 1)) {
    if (LETTER.test(lines[at - 1] ?? ' ')) continue
    if (!LETTER.test(lines[at + text.length] ?? ' ')) return 3
    place = 2
  }
  return place
}
const LETTER = /[\p{L}\p{N}]/u

const isMistyped = ({ text, key }: Word, lines: string): boolean =>
  key === null &&
  text.length >= LEAST_MISTYPED &&
  lines.split(/[^\p{L}\p{N}]+/u).some((word) => isNear(text, word))

/** Whether one letter more, less, other or swapped makes `typed` the word, or the beginning of it. */
function isNear(typed: string, word: string): boolean {
  let at = 0
  while (at < typed.length && typed[at] === word[at]) at++
  // The last letter is the mistake: that the rest fits says little.
  if (at >= typed.length - 1 && Math.abs(word.length - typed.length) > 1) return false
  const left = typed.slice(at)
  const rest = word.slice(at)
  return (
    rest.startsWith(left.slice(1)) ||
    rest.slice(1).startsWith(left) ||
    rest.slice(1).startsWith(left.slice(1)) ||
    (left.length > 1 && rest.startsWith(`${left[1]}${left[0]}${left.slice(2)}`))
  )
}

/** The states that the texts of an entry name. */
export const statesOf = (texts: readonly string[]): readonly string[] =>
  texts.filter((text) => text.startsWith(STATE)).map((text) => text.slice(STATE.length))
