import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { type Column, Section, Table, Time } from './parts.tsx'
import { type Event, text } from './request.tsx'
import { BASE, to } from './router.ts'
import { a } from './text.ts'

const SHOWN = 6
const KINDS = ['app', 'agent', 'role', 'user', 'lock', 'connector', 'token', 'grant', 'access-request']

/** Members of an event that say what was changed, the most exact first. */
const SUBJECTS = ['target', 'name', 'app', 'agent', 'role', 'token'] as const

/** What an event is about, in a few words. */
export function subjectOf(event: Event): string {
  for (const member of SUBJECTS) {
    const value = event[member]
    if (value !== null && typeof value === 'object') return Object.values(value).map(text).join(' ')
    if (value !== undefined && value !== null) return text(value)
  }
  return ''
}

const columns: readonly Column<Event>[] = [
  { title: a('change'), narrow: 'second', cell: ({ type }) => type },
  { title: a('what'), narrow: 'first', cell: subjectOf },
  {
    title: a('by'),
    narrow: 'act',
    // The operator at the socket is not a person of the hub.
    cell: ({ user }) =>
      user && !user.endsWith('@socket') ? <a href={to('people', user)}>{user}</a> : (user ?? '–'),
  },
  { title: a('time'), narrow: 'corner', cell: ({ time }) => <Time at={time} /> },
]

/** The last changes of the cluster, and who made them. Nothing without the plugin that stores the audit trail. */
export function LastChanges() {
  const { data, error } = useResource<Responses['GET /audit']>(`/audit?changes=true&limit=${SHOWN}`, KINDS)
  if (error || !data || data.length === 0) return null
  return (
    <Section title={a('lastChanges')} tools={<a href={`${BASE}/requests?changes=true`}>{a('allChanges')}</a>}>
      <Table
        isList
        label={a('lastChanges')}
        rows={data.toReversed()}
        keyOf={({ id }) => id}
        columns={columns}
        empty={null}
      />
    </Section>
  )
}
