import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { AttentionList } from './cluster.tsx'
import { FirstHour } from './first-hour.tsx'
import { PageHead, Section, Shown } from './parts.tsx'
import { BASE } from './router.ts'
import { a } from './text.ts'
import { TrafficCharts } from './traffic.tsx'

/** What needs attention, the first steps while some are left, and the traffic. */
export function Overview() {
  const status = useResource<Responses['GET /status']>('/status', ['agent', 'app', 'session', 'hub'])
  return (
    <>
      <PageHead title={a('overview')} />
      <FirstHour />
      <Shown of={status}>
        {({ apps, agents, sessions, attention }) => (
          <>
            <div class="figures">
              <a href={`${BASE}/apps`}>
                <strong>{apps ?? '–'}</strong>
                {a('apps')}
              </a>
              <a href={`${BASE}/agents`}>
                <strong>{agents ?? '–'}</strong>
                {a('agentsConnected')}
              </a>
              <a href={`${BASE}/sessions`}>
                <strong>{sessions ?? '–'}</strong>
                {a('sessions')}
              </a>
            </div>
            <Section title={a('attention')}>
              <AttentionList items={attention ?? []} />
            </Section>
          </>
        )}
      </Shown>
      <TrafficCharts />
    </>
  )
}
