/** What the hub says that a change has ended. */
export interface Cut {
  readonly streams?: unknown
  readonly hubs?: unknown
  readonly ms?: unknown
  readonly unconfirmed?: unknown
}

/** `: 14 streams on 2 hubs ended in 212 ms`; nothing when the hub does not say it. */
export function cutText(answer: unknown): string {
  const cut = (answer as { cut?: Cut } | null)?.cut
  const { streams, hubs, ms, unconfirmed } = cut ?? {}
  if (typeof streams !== 'number' || typeof hubs !== 'number' || typeof ms !== 'number') return ''
  const ended = hubs === 0 ? '' : `: ${count(streams, 'stream')} on ${count(hubs, 'hub')} ended in ${ms} ms`
  if (typeof unconfirmed !== 'number' || unconfirmed === 0) return ended
  return `${ended}; ${count(unconfirmed, 'more hub')} did not confirm in time`
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
