import { useEffect, useMemo, useState } from 'preact/hooks'
import { ApiError, call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { Failure } from '../states.tsx'
import { t } from '../text.ts'
import { followAudit } from './audit-tail.ts'
import { ChoiceField, TextField } from './fields.tsx'
import {
  type Column,
  Copyable,
  Facts,
  formatBytes,
  Moment,
  Nothing,
  PageHead,
  Section,
  Shown,
  Table,
} from './parts.tsx'
import { BASE, go, place, to } from './router.ts'
import { a, type Key } from './text.ts'

export type Event = Responses['GET /audit'][number]
const FILTERS = ['type', 'user', 'app', 'session', 'request', 'ip', 'agent', 'reason', 'from', 'to'] as const
type Filter = Partial<Record<(typeof FILTERS)[number], string>>
const SHOWN: readonly (readonly [(typeof FILTERS)[number], Key])[] = [
  ['user', 'person'],
  ['app', 'app'],
  ['ip', 'address'],
  ['reason', 'reason'],
  ['request', 'requestId'],
  ['session', 'session'],
]
const PAGE = 100
const MOST_LIVE = 500
const DAY = 86_400_000

const text = (value: unknown): string => (value === null || value === undefined ? '' : String(value))

const columns: readonly Column<Event>[] = [
  { title: a('time'), cell: ({ time }) => <Moment at={time} /> },
  {
    title: a('event'),
    cell: (event) =>
      event.request_id ? <a href={to('requests', event.request_id)}>{event.type}</a> : event.type,
  },
  { title: a('person'), cell: ({ user }) => text(user) || <span class="quiet">–</span> },
  {
    title: a('what'),
    cell: (event) => (
      <span class="request-line">
        {typeof event.app === 'string' && <strong>{event.app}</strong>}{' '}
        {event.path ? (
          <code>{`${text(event.method)} ${text(event.path)}`}</code>
        ) : (
          text(event.agent ?? event.name ?? '')
        )}
      </span>
    ),
  },
  { title: a('result'), cell: (event) => <Outcome event={event} /> },
  {
    title: a('duration'),
    number: true,
    cell: ({ duration_ms }) => (typeof duration_ms === 'number' ? `${duration_ms} ms` : ''),
  },
]

function Outcome({ event: { success, reason, status } }: { readonly event: Event }) {
  const failed = !success || (typeof status === 'number' && status >= 500)
  const words = [text(status), text(reason)].filter(Boolean).join(' ') || (success ? a('done') : a('failed'))
  return <span class={`tag ${failed ? 'bad' : success ? 'good' : ''}`}>{words}</span>
}

const filterOf = (query: URLSearchParams): Filter =>
  Object.fromEntries(FILTERS.flatMap((name) => (query.get(name) ? [[name, query.get(name)!]] : [])))

const matches = (event: Event, filter: Filter): boolean =>
  Object.entries(filter).every(([name, value]) => {
    if (name === 'from') return event.time >= value
    if (name === 'to') return event.time <= value
    const member =
      { user: 'user', session: 'session_id', request: 'request_id', ip: 'client_ip' }[name] ?? name
    return event[member] === value
  })

/** An event may arrive with a page of the trail and live. */
const distinct = (events: readonly Event[]) => [...new Map(events.map((event) => [event.id, event])).values()]

/** The audit trail with its filters, live or by pages; or all events of one request. */
export function Requests({ name }: { readonly name: string }) {
  return name === '' ? <Trail /> : <OneRequest id={name} />
}

function Trail() {
  const { query } = place.value
  const filter = useMemo(() => filterOf(query), [query])
  const [live, setLive] = useState(false)
  const [events, setEvents] = useState<readonly Event[] | null>(null)
  const [more, setMore] = useState(false)
  const [error, setError] = useState<ApiError | null>(null)
  const search = new URLSearchParams(filter as Record<string, string>).toString()

  const load = async (before?: string) => {
    setError(null)
    try {
      const cursor = before === undefined ? '' : `&before=${before}`
      const found = await call<readonly Event[]>('GET', `/audit?${search}&limit=${PAGE}${cursor}`)
      setMore(found.length === PAGE)
      setEvents((old) => [...(before === undefined ? [] : (old ?? [])), ...found.toReversed()])
    } catch (failure) {
      if (failure instanceof ApiError) setError(failure)
    }
  }
  useEffect(() => void load(), [search])
  useEffect(() => {
    if (!live) return
    return followAudit(
      (fresh) => {
        const wanted = fresh.filter((event) => matches(event, filter)).toReversed()
        if (wanted.length > 0) setEvents((old) => distinct([...wanted, ...(old ?? [])]).slice(0, MOST_LIVE))
      },
      () => void load(),
    )
  }, [live, search])

  const set = (name: string, value: string) => {
    const next = new URLSearchParams(search)
    if (value === '') next.delete(name)
    else next.set(name, value)
    go(`/requests?${next}`, true)
  }
  const oldest = events?.at(-1)
  return (
    <>
      <PageHead title={a('requests')} help={a('requestsHelp')}>
        <button type="button" class={live ? '' : 'plain'} aria-pressed={live} onClick={() => setLive(!live)}>
          {live ? a('stopLive') : a('followLive')}
        </button>
        <a class="button plain" href={`/v1/webapi/audit/export?${search}&format=csv`} download>
          CSV
        </a>
        <a class="button plain" href={`/v1/webapi/audit/export?${search}&format=jsonl`} download>
          JSON
        </a>
      </PageHead>
      <div class="filters">
        <TextField
          label={a('event')}
          value={filter.type ?? ''}
          options={[
            'app.request',
            'access.denied',
            'user.login',
            'user.login.failed',
            'session.revoked',
            'app.session.start',
            'agent.connected',
            'agent.disconnected',
          ]}
          onChange={(value) => set('type', value)}
        />
        {SHOWN.map(([name, title]) => (
          <TextField
            key={name}
            label={a(title)}
            value={filter[name] ?? ''}
            onChange={(value) => set(name, value)}
          />
        ))}
        <ChoiceField
          label={a('period')}
          value={filter.from ? 'some' : ''}
          options={[
            ['', a('anyTime')],
            [String(DAY / 24), a('lastHour')],
            [String(DAY), a('lastDay')],
            [String(DAY * 7), a('days', { count: 7 })],
            ...(filter.from
              ? [['some', a('sinceTime', { time: new Date(filter.from).toLocaleString() })] as const]
              : []),
          ]}
          onChange={(ms) =>
            ms !== 'some' && set('from', ms === '' ? '' : new Date(Date.now() - Number(ms)).toISOString())
          }
        />
      </div>
      {error && <Failure error={error} />}
      {events === null && !error && <p class="loading">{t('loading')}</p>}
      {events !== null && (
        <Table
          label={a('requests')}
          columns={columns}
          rows={events}
          keyOf={({ id }) => id}
          empty={
            <Nothing title={a('noEvents')} help={search === '' ? a('noEventsHelp') : a('noMatchingEvents')} />
          }
        />
      )}
      {more && oldest && (
        <button type="button" class="plain more-button" onClick={() => void load(oldest.id)}>
          {a('older')}
        </button>
      )}
    </>
  )
}

function OneRequest({ id }: { readonly id: string }) {
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

function factsOf(event: Event): readonly (readonly [string, string | preact.JSX.Element])[] {
  return Object.entries(event)
    .filter(([name, value]) => !LEFT_OUT.includes(name) && value !== null && value !== undefined)
    .map(([name, value]) => {
      if (name === 'time') return [name, <Moment key={name} at={String(value)} />] as const
      if (name === 'duration_ms') return [a('duration'), `${value} ms`] as const
      if (/^bytes_/.test(name)) return [name, formatBytes(Number(value))] as const
      if (name === 'session_id') return [name, <Copyable key={name} text={String(value)} />] as const
      return [
        name,
        Array.isArray(value)
          ? value.join(', ')
          : typeof value === 'object'
            ? JSON.stringify(value)
            : String(value),
      ] as const
    })
}
