import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { FirstHour } from './first-hour.tsx'
import { LastChanges } from './last-changes.tsx'
import { openPages } from './navigation.ts'
import { PageHead, Section, Shown } from './parts.tsx'
import { may, Needs } from './rights.tsx'
import { BASE } from './router.ts'
import { a } from './text.ts'
import { TrafficCharts } from './traffic.tsx'
import { Figures, Verdict } from './verdict.tsx'

/** What one must see to say whether the cluster works. */
const CLUSTER = ['status.read', 'agent.list', 'app.list'] as const

/** The pages that the person may open, for people who may not see the state of the cluster. */
const PageLinks = () => (
  <nav class="figures" aria-label={a('yourPages')}>
    {openPages()
      .flatMap(([, pages]) => pages)
      .filter(([slug]) => slug !== '')
      .map(([slug, title]) => (
        <a key={slug} href={`${BASE}/${slug}`}>
          <strong>{a(title)}</strong>
        </a>
      ))}
  </nav>
)

/** What needs attention, the first steps while some are left, counts, the traffic, and the last changes. */
export function Overview() {
  const status = useResource<Responses['GET /status']>(CLUSTER.every(may) ? '/status' : null, [
    'agent',
    'app',
    'session',
    'hub',
  ])
  return (
    <>
      <PageHead title={a('overview')} />
      <Needs right={['connector.update', 'token.create', 'app.create', 'user.list', 'audit.list']}>
        <FirstHour />
      </Needs>
      <Needs right={CLUSTER}>
        <Shown of={status}>
          {({ sessions, attention }) => (
            <>
              <Section title={a('attention')}>
                <Verdict attention={attention ?? []} />
              </Section>
              <Figures sessions={sessions} />
            </>
          )}
        </Shown>
      </Needs>
      {!CLUSTER.every(may) && <PageLinks />}
      <Needs right="traffic.read">
        <TrafficCharts />
      </Needs>
      <Needs right="audit.list">
        <LastChanges />
      </Needs>
    </>
  )
}
