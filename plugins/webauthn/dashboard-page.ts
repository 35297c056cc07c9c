import { type dashboardParts, inTurns, type SlotRef } from '@mezite/core'
import type { Deps } from './deps.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

/** The page "Passkeys" of the administration: who has passkeys, and who still needs one. */
export function dashboardPage({ keys, users }: Pick<Deps, 'keys' | 'users'>): Part {
  return {
    kind: 'page',
    right: 'passkey.list',
    path: 'passkeys',
    title: 'Passkeys',
    texts: { de: german },
    async content() {
      const found = new Map<string, Awaited<ReturnType<typeof keys.summary>>[number]>()
      for await (const row of inTurns(await keys.summary())) found.set(`${row.user_key}\n${row.holder}`, row)
      const people = await Array.fromAsync(inTurns(users.list()), (user) => {
        const row = found.get(`${user.key}\n${user.holder ?? ''}`)
        return { name: user.name, count: Number(row?.count ?? 0), lastUsed: row?.last_used ?? null }
      })
      const sorted = people.toSorted((one, other) => one.count - other.count)
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
          rows: await Array.fromAsync(inTurns(sorted), ({ name, count, lastUsed }) => [
            { text: name, href: `/web/admin/people/${encodeURIComponent(name)}` },
            count,
            lastUsed === null ? null : { time: Number(lastUsed) },
          ]),
          empty: 'Nobody has signed in yet.',
          layout: { phone: { first: 0, firstEnd: 2, second: 1 } },
        },
      ]
    },
  }
}

const german = {
  'People with a passkey': 'Personen mit Passkey',
  'People without': 'Personen ohne',
  People: 'Personen',
  Person: 'Person',
  'Last used': 'Zuletzt benutzt',
  'Nobody has signed in yet.': 'Noch niemand hat sich angemeldet.',
}
