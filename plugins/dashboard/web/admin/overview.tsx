import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { FirstHour } from './first-hour.tsx'
import { LastChanges } from './last-changes.tsx'
import { PageHead, Section, Shown } from './parts.tsx'
import { a } from './text.ts'
import { TrafficCharts } from './traffic.tsx'
import { Figures, Verdict } from './verdict.tsx'

/** What needs attention, the first steps while some are left, counts, the traffic, and the last changes. */
export function Overview() {
  const status = useResource<Responses['GET /status']>('/status', ['agent', 'app', 'session', 'hub'])
  return (
    <>
      <PageHead title={a('overview')} />
      <FirstHour />
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
      <TrafficCharts />
      <LastChanges />
    </>
  )
}
