import type { dashboardParts, SlotRef } from '@mezite/core'
import type { Deps } from './deps.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

/** The page "Passkeys" of the administration: who has passkeys, and who still needs one. */
export function dashboardPage({ keys, users }: Pick<Deps, 'keys' | 'users'>): Part {
  return {
    kind: 'page',
    path: 'passkeys',
    title: 'Passkeys',
    async content() {
      const found = new Map((await keys.summary()).map((row) => [`${row.user_key}\n${row.holder}`, row]))
      const people = users.list().map((user) => {
        const row = found.get(`${user.key}\n${user.holder ?? ''}`)
        return { name: user.name, count: Number(row?.count ?? 0), lastUsed: row?.last_used ?? null }
      })
      const without = people.filter(({ count }) => count === 0).length
      return [
        {
          kind: 'facts',
          facts: { 'People with a passkey': people.length - without, 'People without': without },
        },
        {
          kind: 'table',
          title: 'People',
          columns: ['Person', 'Passkeys', 'Last used'],
          rows: people
            .toSorted((one, other) => one.count - other.count)
            .map(({ name, count, lastUsed }) => [
              { text: name, href: `/web/admin/people/${encodeURIComponent(name)}` },
              count,
              lastUsed === null ? null : { time: Number(lastUsed) },
            ]),
          empty: 'Nobody has signed in yet.',
        },
      ]
    },
  }
}
