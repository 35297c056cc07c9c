import { useMemo, useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { announce, Confirm, DialogButton } from './dialogs.tsx'
import { TextField } from './fields.tsx'
import { type Column, Copyable, Nothing, PageHead, Shown, Table, Time } from './parts.tsx'
import { place, to } from './router.ts'
import { a } from './text.ts'

export type Session = Responses['GET /sessions'][number]
const PAGE = 100

const KIND = (kind: string): string =>
  kind === 'app' ? a('appSession') : kind === 'cert' ? a('terminalSession') : a('signInSession')

const columns: readonly Column<Session>[] = [
  { title: a('person'), cell: ({ user }) => <a href={to('people', user)}>{user}</a> },
  {
    title: a('kind'),
    cell: ({ kind, app, mfa }) => (
      <>
        {app === null ? KIND(kind) : <a href={to('apps', app)}>{app}</a>}{' '}
        {mfa && <span class="tag good">{a('passkey')}</span>}
      </>
    ),
  },
  { title: a('address'), cell: ({ client_ip }) => client_ip },
  { title: a('streams'), number: true, cell: ({ streams }) => streams },
  { title: a('lastUsed'), cell: ({ last_used }) => <Time at={last_used} /> },
  { title: a('ends'), cell: ({ expires }) => <Time at={expires} /> },
  { title: a('id'), cell: ({ id }) => <Copyable text={id} short /> },
  { title: a('action'), cell: (session) => <EndSession session={session} /> },
]

function EndSession({ session: { id, user, kind, app } }: { readonly session: Session }) {
  const what = `${KIND(kind)}${app === null ? '' : ` ${app}`}, ${user}`
  return (
    <DialogButton
      text={a('end')}
      label={`${a('end')}: ${what}`}
      class="plain small danger"
      dialog={(close) => (
        <Confirm
          title={a('endSession', { name: what })}
          verb={a('end')}
          onClose={close}
          confirm={async () => {
            const { cut } = await call<{ cut: { sessions: number; streams?: number } }>(
              'DELETE',
              `/sessions/${id}`,
            )
            announce(a('sessionEnded', { sessions: cut.sessions, count: cut.streams ?? 0 }))
          }}
        >
          <p>{a('endSessionHelp')}</p>
        </Confirm>
      )}
    />
  )
}

/** Sessions in a table, newest first, more of them on demand. */
export function SessionTable({ rows }: { readonly rows: readonly Session[] }) {
  const [shown, setShown] = useState(PAGE)
  const sorted = useMemo(() => rows.toSorted((one, other) => (one.created < other.created ? 1 : -1)), [rows])
  return (
    <>
      <Table
        label={a('sessions')}
        columns={columns}
        rows={sorted.slice(0, shown)}
        keyOf={({ id }) => id}
        empty={<Nothing title={a('noSessions')} />}
      />
      {rows.length > shown && (
        <button type="button" class="plain more-button" onClick={() => setShown((count) => count + PAGE)}>
          {a('showMore', { count: rows.length - shown })}
        </button>
      )}
    </>
  )
}

/** All live sessions. */
export function Sessions() {
  const [query, setQuery] = useState(place.value.query.get('q') ?? '')
  const sessions = useResource<readonly Session[]>('/sessions', ['session', 'lock', 'user', 'app'])
  const matches = (session: Session) =>
    `${session.user} ${session.app ?? ''} ${session.client_ip} ${session.id}`
      .toLowerCase()
      .includes(query.toLowerCase())
  return (
    <>
      <PageHead title={a('sessions')} help={a('sessionsHelp')} />
      <div class="filters">
        <TextField label={a('filter')} value={query} placeholder={a('sessionFilter')} onChange={setQuery} />
      </div>
      <Shown of={sessions}>{(rows) => <SessionTable rows={rows.filter(matches)} />}</Shown>
    </>
  )
}
