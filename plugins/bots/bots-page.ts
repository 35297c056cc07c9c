import type { dashboardParts, Sessions, SlotRef } from '@mezite/core'
import type { StoredBots } from './bots.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

/** The page "Bots" of the administration: accounts of programs, how each proves itself, and its sessions now. */
export function botsPage(bots: Pick<StoredBots, 'items'>, sessions: Pick<Sessions, 'list'>): Part {
  return {
    kind: 'page',
    path: 'bots',
    title: 'Bots',
    async content() {
      const open = new Map<string, number>()
      for (const { user } of sessions.list()) open.set(user, (open.get(user) ?? 0) + 1)
      const all = [...bots.items.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
      return [
        {
          kind: 'table',
          title: 'Bots',
          columns: ['Bot', 'Roles', 'Proofs', 'From', 'Longest token', 'Secret since', 'Sessions now'],
          rows: all.map(({ name, user, secretCreated, document: { spec } }) => [
            name,
            spec.roles.join(', '),
            proofsOf(spec.keys?.length ?? 0, spec.trust?.length ?? 0, secretCreated !== null),
            spec.allow_from?.join(', ') ?? 'any address',
            spec.max_token_ttl ?? '1h',
            secretCreated === null ? null : { time: secretCreated },
            open.get(user) ?? 0,
          ]),
          empty: 'No bots. `mezctl bots create NAME --roles ROLE` makes one.',
        },
        {
          kind: 'text',
          text: 'A lock of the user bot:NAME cuts a bot at once. mezctl bots changes and removes them.',
        },
      ]
    },
  }
}

function proofsOf(keys: number, rules: number, secret: boolean): string {
  const all = [
    ...(keys === 0 ? [] : [keys === 1 ? '1 key' : `${keys} keys`]),
    ...(rules === 0 ? [] : [rules === 1 ? '1 rule of trust' : `${rules} rules of trust`]),
    ...(secret ? ['secret'] : []),
  ]
  return all.length === 0 ? 'none' : all.join(', ')
}
