import type { Responses } from '../api-types.ts'
import { ReasonCode } from '../docs.tsx'
import { useResource } from '../live.ts'
import { Copyable, Facts, formatBytes, Moment, Nothing, PageHead, Section, Shown, Table } from './parts.tsx'
import { BASE, to } from './router.ts'
import { a, type Key } from './text.ts'

export type Event = Responses['GET /audit'][number]

export const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

export function Outcome({ event: { success, reason, status } }: { readonly event: Event }) {
  const failed = !success || (typeof status === 'number' && status >= 500)
  const words = [text(status), text(reason)].filter(Boolean).join(' ') || (success ? a('done') : a('failed'))
  return <span class={`tag ${failed ? 'bad' : success ? 'good' : ''}`}>{words}</span>
}

/** All events of one request. */
export function OneRequest({ id }: { readonly id: string }) {
  const found = useResource<readonly Event[]>(`/audit?request=${encodeURIComponent(id)}`, [])
  return (
    <>
      <PageHead title={a('oneRequest')} back={[`${BASE}/requests`, a('requests')]}>
        <Copyable text={id} />
      </PageHead>
      <Shown of={found}>
        {(events) =>
          events.length === 0 ? (
            <Nothing title={a('noEvents')} help={a('noRequestHelp')} />
          ) : (
            events.map((event) => (
              <Section key={event.id} title={event.type}>
                <div class="panel">
                  <Outcome event={event} />
                  <Facts rows={factsOf(event)} />
                  {event.type === 'app.request' && <Timings event={event} />}
                  {event.type === 'access.denied' && event.user && (
                    <p>
                      <a href={to('people', event.user)}>{a('whyAccess')}</a>
                    </p>
                  )}
                </div>
              </Section>
            ))
          )
        }
      </Shown>
    </>
  )
}

const LEFT_OUT = ['id', 'type', 'success', 'request_id', 'cluster', 'decide_ms', 'dial_ms', 'first_byte_ms']

/** Where the time of a forwarded request went. The event leaves out parts below half a millisecond. */
function Timings({ event }: { readonly event: Event }) {
  const ms = (name: string) => (typeof event[name] === 'number' ? event[name] : 0)
  const before = ms('dial_ms') + ms('first_byte_ms')
  const rows: readonly (readonly [Key, number])[] = [
    ['timeToDecide', ms('decide_ms')],
    ['timeToDial', ms('dial_ms')],
    ['timeToFirstByte', ms('first_byte_ms')],
    ['timeOfRest', Math.max(0, ms('duration_ms') - before)],
    ['timeInAll', ms('decide_ms') + ms('duration_ms')],
  ]
  return (
    <Table
      label={a('timings')}
      rows={rows}
      keyOf={([name]) => name}
      columns={[
        { title: a('timings'), cell: ([name]) => a(name) },
        { title: a('duration'), number: true, cell: ([, time]) => (time === 0 ? '< 1 ms' : `${time} ms`) },
      ]}
      empty={null}
    />
  )
}

/** Titles of frequent fields. */
const TITLES: Readonly<Record<string, Key>> = {
  agent: 'agent',
  app: 'app',
  bytes_in: 'bytesToApp',
  bytes_out: 'bytesToPerson',
  client_ip: 'address',
  duration_ms: 'duration',
  hub: 'hub',
  method: 'method',
  name: 'name',
  path: 'path',
  protocol: 'protocol',
  reason: 'reason',
  repeated: 'repeated',
  role: 'role',
  roles: 'roles',
  session_id: 'session',
  status: 'status',
  time: 'time',
  upgrade: 'upgrade',
  user: 'person',
}

function factsOf(event: Event): readonly (readonly [string, string | preact.JSX.Element])[] {
  return Object.entries(event)
    .filter(([name, value]) => !LEFT_OUT.includes(name) && value !== null && value !== undefined)
    .map(([name, value]) => {
      const title = TITLES[name]
      return [title ? a(title) : name.replaceAll('_', ' '), factOf(name, value)] as const
    })
}

function factOf(name: string, value: unknown): string | preact.JSX.Element {
  if (name === 'time') return <Moment at={String(value)} />
  if (name === 'reason') return <ReasonCode code={String(value)} />
  if (name === 'duration_ms') return `${value} ms`
  if (/^bytes_/.test(name)) return formatBytes(Number(value))
  if (name === 'session_id') return <Copyable text={String(value)} />
  if (Array.isArray(value)) return value.join(', ')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
