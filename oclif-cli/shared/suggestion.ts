/** The candidate that `word` is most likely a misspelling of, or null when none is close. */
export async function suggest(word: string, candidates: readonly string[]): Promise<string | null> {
  if (word === '' || candidates.length === 0) return null
  const { closest, distance } = await import('fastest-levenshtein')
  const begins = candidates.filter((candidate) => word.length > 1 && candidate.startsWith(word))
  if (begins.length === 1) return begins[0]!
  const best = closest(word, [...candidates])
  return distance(word, best) <= Math.max(best.length < 4 ? 1 : 2, Math.floor(best.length / 3)) ? best : null
}

/** ` Did you mean "apps ls"?`, or nothing. */
export async function didYouMean(word: string, candidates: readonly string[]): Promise<string> {
  const found = await suggest(word, candidates)
  return found === null ? '' : ` Did you mean ${JSON.stringify(found)}?`
}
