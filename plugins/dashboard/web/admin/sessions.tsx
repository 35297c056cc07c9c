import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { announce, ConfirmButton } from './dialogs.tsx'
import { Listing } from './listing.tsx'
import { Badges, type Column, Nothing, PageHead, Time } from './parts.tsx'
import { place, to } from './router.ts'
import { a } from './text.ts'

type Session = Responses['GET /sessions'][number]

const KIND = (kind: string): string =>
  kind === 'app'
    ? a('appSession')
    : kind === 'cert'
      ? a('terminalSession')
      : kind === 'token'
        ? a('programToken')
        : a('signInSession')

const columns: readonly Column<Session>[] = [
  { title: a('person'), cell: ({ user }) => <a href={to('people', user)}>{user}</a> },
  {
    title: a('kind'),
    cell: ({ kind, app, apps, program, mfa }) => (
      <>
        {program ?? (app === null ? KIND(kind) : <a href={to('apps', app)}>{app}</a>)}{' '}
        {apps.length > 0 && <Badges names={apps} href={(name) => to('apps', name)} />}{' '}
        {mfa && <span class="tag good">{a('passkey')}</span>}
      </>
    ),
  },
  { title: a('address'), cell: ({ client_ip }) => client_ip },
  { title: a('streams'), number: true, cell: ({ streams }) => streams },
  { title: a('lastUsed'), cell: ({ last_used }) => <Time at={last_used} /> },
  { title: a('ends'), cell: ({ expires }) => <Time at={expires} /> },
  { title: a('action'), cell: (session) => <EndSession session={session} /> },
]

function EndSession({ session: { id, user, kind, app } }: { readonly session: Session }) {
  const what = `${KIND(kind)}${app === null ? '' : ` ${app}`}, ${user}`
  return (
    <ConfirmButton
      verb={a('end')}
      label={`${a('end')}: ${what}`}
      class="plain small danger"
      title={a('endSession', { name: what })}
      confirm={async () => {
        const { cut } = await call<{ cut: { sessions: number; streams?: number } }>(
          'DELETE',
          `/sessions/${id}`,
        )
        announce(a('sessionEnded', { sessions: cut.sessions, count: cut.streams ?? 0 }))
      }}
    >
      <p>{a('endSessionHelp')}</p>
    </ConfirmButton>
  )
}

const SESSION_KINDS = ['session', 'lock', 'user', 'app']

/** Live sessions, newest first. `filter` is a query such as `user=ann`. */
export function SessionList({ filter = '', search }: { readonly filter?: string; readonly search?: string }) {
  return (
    <Listing<Session>
      path={`/sessions${filter === '' ? '' : `?${filter}`}`}
      kinds={SESSION_KINDS}
      label={a('sessions')}
      columns={columns}
      keyOf={({ id }) => id}
      {...(search === undefined ? {} : { search, query: place.value.query.get('q') ?? '' })}
      empty={<Nothing title={a('noSessions')} />}
    />
  )
}

/** All live sessions. */
export const Sessions = () => (
  <>
    <PageHead title={a('sessions')} help={a('sessionsHelp')} />
    <SessionList search={a('sessionFilter')} />
  </>
)
