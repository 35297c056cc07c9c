import { escapeText, type Flat, listOf, showCell, showTable } from '@mezite/cli'

/** The answer of `access explain --admin`, for people. `what`: the words of the command line, such as `update app grafana`. */
export function adminExplanationText(explained: Flat, what: string): string {
  const { user, right, effect, locked, api } = explained
  const rules = listOf<Flat>(explained.rules)
  const holders = listOf<string>(explained.holders)
  const count = Number(explained.holders_count)
  const may =
    effect === 'allow'
      ? `may ${what}`
      : effect === 'some'
        ? `may ${what} only with the labels of a rule below`
        : `may not ${what}`
  const parts = [escapeText(`${String(user)} ${may}.`)]
  if (api === false) parts.push('This bot has no right: its document does not say `api: true`.')
  if (locked === true) parts.push('A lock keeps the user from everything.')
  if (rules.length === 0) parts.push(escapeText(`No role of the user has the right ${String(right)}.`))
  else {
    const rows = rules.map(({ role, effect, kinds, verbs, labels }) => [
      ...[role, effect, kinds, verbs],
      Object.entries(Object(labels) as Record<string, readonly string[]>)
        .map(([key, values]) => `${key}=${values.join('|')}`)
        .join(', '),
    ])
    parts.push(showTable(['role', 'effect', 'kinds', 'verbs', 'only with labels'], rows))
  }
  const more = count > holders.length ? ` and ${count - holders.length} more` : ''
  parts.push(count === 0 ? 'Nobody has it.' : `Who has it: ${showCell(holders)}${more}`)
  return parts.join('\n\n')
}
