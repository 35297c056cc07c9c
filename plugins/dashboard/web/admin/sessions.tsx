import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useList } from '../live.ts'
import { announce, ConfirmButton } from './dialogs.tsx'
import { Listing } from './listing.tsx'
import { Badges, type Column, Nothing, PageHead, Shown, Table, Time } from './parts.tsx'
import { to } from './router.ts'
import { a } from './text.ts'

type Session = Responses['GET /sessions'][number]

const KIND = (kind: string): string =>
  kind === 'app'
    ? a('appSession')
    : kind === 'cert'
      ? a('terminalSession')
      : kind === 'token'
        ? a('programToken')
        : kind === 'device'
          ? a('deviceSession')
          : a('signInSession')

/** What a session opens. */
const what = ({ kind, app, apps, program, mfa }: Session) => (
  <>
    {program ?? (app === null ? KIND(kind) : <a href={to('apps', app)}>{app}</a>)}{' '}
    {apps.length > 0 && <Badges few names={apps} href={(name) => to('apps', name)} />}{' '}
    {mfa && <span class="tag good">{a('passkey')}</span>}
  </>
)

const columns: readonly Column<Session>[] = [
  {
    title: a('person'),
    sort: 'user',
    narrow: 'first',
    cell: ({ user }) => <a href={to('people', user)}>{user}</a>,
  },
  {
    title: a('kind'),
    narrow: 'second',
    cell: what,
  },
  { title: a('address'), cell: ({ client_ip }) => client_ip },
  { title: a('streams'), number: true, cell: ({ streams }) => streams },
  { title: a('created'), sort: 'created', hidden: true, cell: ({ created }) => <Time at={created} /> },
  { title: a('lastUsed'), narrow: 'corner', cell: ({ last_used }) => <Time at={last_used} /> },
  { title: a('ends'), sort: 'expires', cell: ({ expires }) => <Time at={expires} /> },
  { title: a('action'), narrow: 'act', cell: (session) => <EndSession session={session} /> },
]

function EndSession({ session: { id, user, kind, app } }: { readonly session: Session }) {
  const what = `${KIND(kind)}${app === null ? '' : ` ${app}`}, ${user}`
  return (
    <ConfirmButton
      right="session.end"
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

const KINDS = ['session', 'lock', 'user', 'app']

/** Live sessions, newest first. `filter` is a query such as `app=grafana`. */
export function SessionList({ filter = '', search }: { readonly filter?: string; readonly search?: string }) {
  return (
    <Listing<Session>
      path={`/sessions${filter === '' ? '' : `?${filter}`}`}
      kinds={KINDS}
      label={a('sessions')}
      columns={columns}
      keyOf={({ id }) => id}
      {...(search === undefined ? {} : { search })}
      states={{
        hub: a('signInSession'),
        app: a('appSession'),
        cert: a('terminalSession'),
        token: a('programToken'),
        device: a('deviceSession'),
      }}
      actions={[
        {
          verb: a('end'),
          right: 'session.end',
          destructive: true,
          help: a('endSessionHelp'),
          call: ({ id }) => ['DELETE', `/sessions/${encodeURIComponent(id)}`],
        },
      ]}
      empty={<Nothing title={a('noSessions')} />}
    />
  )
}

/** A person's devices, newest first, each with the sessions that depend on its sign-in. */
export function Devices({ user }: { readonly user: string }) {
  const list = useList<Session>(`/sessions?user=${encodeURIComponent(user)}`, KINDS)
  return (
    <Shown of={list}>
      {(all) => {
        const ids = new Set(all.map(({ id }) => id))
        const below = Map.groupBy(all, ({ parent }) => (parent !== null && ids.has(parent) ? parent : ''))
        const rows = (below.get('') ?? []).flatMap((one) => [one, ...(below.get(one.id) ?? [])])
        return (
          <>
            <Table
              isList
              label={a('devices')}
              rows={rows}
              keyOf={({ id }) => id}
              columns={[
                {
                  title: a('device'),
                  narrow: 'first',
                  cell: (one) =>
                    one.parent !== null && ids.has(one.parent) ? (
                      <span class="nested">{what(one)}</span>
                    ) : (
                      <>
                        <strong>{one.client ?? KIND(one.kind)}</strong> <span class="quiet">{what(one)}</span>
                      </>
                    ),
                },
                { title: a('address'), narrow: 'second', cell: ({ client_ip }) => client_ip },
                ...columns.slice(3).filter(({ hidden }) => !hidden),
              ]}
              empty={<Nothing title={a('noSessions')} />}
            />
            {list.more && (
              <button type="button" class="plain more-button" disabled={list.loading} onClick={list.more}>
                {a('showMore')}
              </button>
            )}
          </>
        )
      }}
    </Shown>
  )
}

/** All live sessions. */
export const Sessions = () => (
  <>
    <PageHead title={a('sessions')} help={a('sessionsHelp')}>
      <SignEverybodyOut />
    </PageHead>
    <SessionList search={a('sessionFilter')} />
  </>
)

/** Ends all sessions, with the number first, and that the reader's own is one of them. */
function SignEverybodyOut() {
  const all = useList<Session>('/sessions', KINDS, 1).counts?.all
  if (!all) return null
  return (
    <ConfirmButton
      right="session.end"
      verb={a('signEverybodyOut')}
      class="plain danger"
      title={a('signEverybodyOutAsk')}
      confirm={async () => {
        const { cut } = await call<{ cut: { sessions: number; streams?: number } }>(
          'DELETE',
          '/sessions?all=true',
        )
        announce(a('sessionEnded', { sessions: cut.sessions, count: cut.streams ?? 0 }))
      }}
    >
      <p>{a('signEverybodyOutHelp', { sessions: all })}</p>
      <p>{a('signEverybodyOutAgain')}</p>
    </ConfirmButton>
  )
}
