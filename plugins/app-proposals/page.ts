import type { dashboardParts, SlotRef } from '@mezite/core'
import type { Proposals } from './proposals.ts'
import { shown } from './routes.ts'

type DashboardPart = typeof dashboardParts extends SlotRef<infer T> ? T : never

/** Proposals with buttons of their own; more are accepted with `mezctl`. */
const MOST_FORMS = 20

/** The page "Proposed apps" of the dashboard. */
export const proposalsPage = (proposals: Proposals): DashboardPart => ({
  kind: 'page',
  right: 'proposal.list',
  path: 'app-proposals',
  title: 'Proposed apps',
  texts: { de: german },
  async content() {
    const all = (await proposals.list()).map(shown)
    const pending = all.filter(({ state }) => state === 'pending').slice(0, MOST_FORMS)
    return [
      {
        kind: 'text',
        text: 'Agents propose these apps. Nobody can reach one before you accept it; then roles decide, as for any other app.',
      },
      {
        kind: 'table',
        title: 'Proposals',
        columns: ['Name', 'Address', 'Agent', 'Labels', 'State', 'Proposed', 'Problem'],
        rows: all.map(({ name, uri, agent, labels, state, proposed, problem }) => [
          ...[name, uri, agent],
          Object.entries(labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(', '),
          ...[{ word: state }, { time: Date.parse(proposed) }, problem],
        ]),
        empty: 'No agent proposes an app. `mezctl app-sources create` says which agents may.',
        layout: { rest: 3, phone: { first: 0, firstEnd: 4, second: 1, secondEnd: 2 } },
      },
      ...pending.flatMap(({ id, name, uri, agent }) => [
        {
          kind: 'form' as const,
          title: `Accept ${name}, which ${agent} serves from ${uri}`,
          method: 'POST' as const,
          path: `/v1/webapi/app-proposals/${id}/accept`,
          fields: [],
          submit: `Accept ${name}`,
        },
        {
          kind: 'form' as const,
          title: `Refuse ${name} of ${agent}`,
          method: 'POST' as const,
          path: `/v1/webapi/app-proposals/${id}/refuse`,
          fields: [],
          submit: `Refuse ${name}`,
          destructive: true,
        },
      ]),
    ]
  },
})

const german = {
  'Proposed apps': 'Vorgeschlagene Apps',
  'Agents propose these apps. Nobody can reach one before you accept it; then roles decide, as for any other app.':
    'Agenten schlagen diese Anwendungen vor. Niemand erreicht eine, bevor Sie sie annehmen; dann entscheiden Rollen, wie bei jeder anderen.',
  Proposals: 'Vorschläge',
  Address: 'Adresse',
  State: 'Zustand',
  Proposed: 'Vorgeschlagen',
  Problem: 'Hindernis',
  'No agent proposes an app. `mezctl app-sources create` says which agents may.':
    'Kein Agent schlägt eine Anwendung vor. `mezctl app-sources create` sagt, welche es dürfen.',
  'Accept {}, which {} serves from {}': '{} annehmen, das {} von {} anbietet',
  'Refuse {} of {}': '{} von {} ablehnen',
  'Accept {}': '{} annehmen',
  'Refuse {}': '{} ablehnen',
  pending: 'wartet',
  accepted: 'angenommen',
  refused: 'abgelehnt',
}
