import { useState } from 'preact/hooks'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { LocalListing } from './local-listing.tsx'
import { Section, Shown, Time } from './parts.tsx'
import { lastDay, PeriodFields } from './period.tsx'
import { Needs } from './rights.tsx'
import { BASE, to } from './router.ts'
import { a } from './text.ts'

type Visit = Responses['GET /visits'][number]

/** Leads to the requests of an app or a person. */
export const RequestsLink = ({ query }: { readonly query: Readonly<Record<string, string>> }) => (
  <Needs right="audit.list">
    <a href={`${BASE}/requests?${new URLSearchParams(query)}`}>{a('itsRequests')}</a>
  </Needs>
)

/** Who opened an app, or what a person opened, in a period. Nothing without the plugin that stores the audit trail. */
export function Visits({ app, user }: { readonly app?: string; readonly user?: string }) {
  const [period, setPeriod] = useState(lastDay)
  const who = { ...(app && { app }), ...(user && { user }) }
  const { from, to: until } = period
  const ended = until !== '' && { to: until }
  const query = new URLSearchParams({ ...who, from: from || new Date(0).toISOString(), ...ended })
  const requests = { ...who, ...(from !== '' && { from }), ...ended }
  const found = useResource<readonly Visit[]>(`/visits?${query}`, [])
  if (found.error?.status === 404) return null
  const nameOf = (visit: Visit) => (app === undefined ? visit.app : visit.user) ?? '–'
  return (
    <Section
      title={app === undefined ? a('opened') : a('openedBy')}
      tools={<RequestsLink query={requests} />}
    >
      <div class="filters">
        <PeriodFields {...period} onChange={setPeriod} />
      </div>
      <Shown of={found}>
        {(visits) => (
          <LocalListing
            label={app === undefined ? a('opened') : a('openedBy')}
            file={`visits-${app ?? user}.csv`}
            rows={visits}
            keyOf={nameOf}
            first={10}
            columns={[
              {
                title: app === undefined ? a('app') : a('person'),
                narrow: 'first',
                value: nameOf,
                cell: (visit) => (
                  <a href={to(app === undefined ? 'apps' : 'people', nameOf(visit))}>{nameOf(visit)}</a>
                ),
              },
              {
                title: a('lastOpened'),
                narrow: 'corner',
                value: ({ last }) => last,
                cell: ({ last }) => <Time at={last} />,
              },
              {
                title: a('requestsChart'),
                number: true,
                narrow: 'second',
                value: ({ requests }) => requests,
                cell: ({ requests }) => requests,
              },
            ]}
            empty={<p class="quiet">{a('openedNone')}</p>}
          />
        )}
      </Shown>
    </Section>
  )
}
