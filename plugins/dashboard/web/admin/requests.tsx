import { useEffect, useMemo, useState } from 'preact/hooks'
import { ApiError, call } from '../api.ts'
import { Failure } from '../states.tsx'
import { t } from '../text.ts'
import { followAudit } from './audit-tail.ts'
import { TextField } from './fields.tsx'
import { subjectOf } from './last-changes.tsx'
import { type Column, Moment, Nothing, PageHead, Table } from './parts.tsx'
import { PeriodFields } from './period.tsx'
import { type Event, OneRequest, Outcome, text } from './request.tsx'
import { go, place, to } from './router.ts'
import { a, type Key } from './text.ts'

const FILTERS = [
  'changes',
  'type',
  'user',
  'app',
  'session',
  'request',
  'ip',
  'agent',
  'reason',
  'from',
  'to',
] as const
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

const columns: readonly Column<Event>[] = [
  { title: a('time'), narrow: 'corner', cell: ({ time }) => <Moment at={time} /> },
  {
    title: a('event'),
    narrow: 'first',
    cell: ({ type, request_id, app }) => (
      <>
        {request_id ? <a href={to('requests', request_id)}>{type}</a> : <span>{type}</span>}
        {typeof app === 'string' && <span class="on-phone quiet">{app}</span>}
      </>
    ),
  },
  {
    title: a('person'),
    narrow: 'second',
    cell: ({ user }) => (user ? <a href={to('people', user)}>{user}</a> : <span class="quiet">–</span>),
  },
  {
    title: a('what'),
    rest: true,
    cell: (event) => (
      <span class="request-line">
        {typeof event.app === 'string' && <a href={to('apps', event.app)}>{event.app}</a>}{' '}
        {event.path ? (
          <code>{`${text(event.method)} ${text(event.path)}`}</code>
        ) : typeof event.app === 'string' ? (
          ''
        ) : (
          subjectOf(event)
        )}
      </span>
    ),
  },
  { title: a('result'), narrow: 'act', cell: (event) => <Outcome event={event} /> },
  {
    title: a('duration'),
    number: true,
    cell: ({ duration_ms }) => (typeof duration_ms === 'number' ? `${duration_ms} ms` : ''),
  },
]

const filterOf = (query: URLSearchParams): Filter =>
  Object.fromEntries(FILTERS.flatMap((name) => (query.get(name) ? [[name, query.get(name)!]] : [])))

const matches = (event: Event, filter: Filter): boolean =>
  Object.entries(filter).every(([name, value]) => {
    if (name === 'from') return event.time >= value
    if (name === 'to') return event.time <= value
    // Which types change something is known to the hub.
    if (name === 'changes') return true
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
        if (filter.changes !== undefined) {
          if (fresh.some(({ type }) => type !== 'app.request')) void load()
          return
        }
        const wanted = fresh.filter((event) => matches(event, filter)).toReversed()
        if (wanted.length > 0) setEvents((old) => distinct([...wanted, ...(old ?? [])]).slice(0, MOST_LIVE))
      },
      () => void load(),
    )
  }, [live, search])

  const setAll = (values: Readonly<Record<string, string>>) => {
    const next = new URLSearchParams(search)
    for (const [name, value] of Object.entries(values))
      if (value === '') next.delete(name)
      else next.set(name, value)
    go(`/requests?${next}`, true)
  }
  const set = (name: string, value: string) => setAll({ [name]: value })
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
        <PeriodFields
          from={filter.from ?? ''}
          to={filter.to ?? ''}
          onChange={(period) => setAll({ ...period })}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={filter.changes !== undefined}
            onChange={(event) => set('changes', event.currentTarget.checked ? 'true' : '')}
          />
          <span>{a('onlyChanges')}</span>
        </label>
      </div>
      {error && <Failure error={error} />}
      {events === null && !error && <p class="loading">{t('loading')}</p>}
      {events !== null && (
        <Table
          isList
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
