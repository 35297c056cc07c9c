import {
  type Catalog,
  resourceRoutes,
  type Session,
  type Sessions,
  type Static,
  Type,
  type WebRoutes,
} from '@mezite/core'
import { type HubState, PageQuery } from '@mezite/core/administration'
import { problemFor } from './reasons.ts'

type Activity = ReturnType<Awaited<ReturnType<Sessions['activityOf']>>>

const Filter = Type.Closed({
  ...PageQuery.properties,
  user: Type.Optional(Type.String()),
  app: Type.Optional(Type.String()),
  program: Type.Optional(Type.String({ description: 'Only sessions of programs whose name contains this' })),
})

const Ended = Type.Closed({
  user: Type.Optional(Type.String({ minLength: 1 })),
  app: Type.Optional(Type.String({ minLength: 1 })),
  all: Type.Optional(Type.Literal('true')),
})

const SessionResource = Type.Object({
  id: Type.String(),
  kind: Type.String({ description: 'hub, app, cert, token or device' }),
  user: Type.String(),
  app: Type.Nullable(Type.String()),
  apps: Type.Array(
    Type.String({ description: 'The only apps that the token of a program, or a device, reaches' }),
  ),
  program: Type.Nullable(
    Type.String({ description: 'What holds the token of a session of kind token, or the name of a device' }),
  ),
  client: Type.Nullable(
    Type.String({ description: 'Browser and system, or the program, as it calls itself' }),
  ),
  parent: Type.Nullable(Type.String({ description: 'The sign-in that an app session depends on' })),
  created: Type.String(),
  last_used: Type.String(),
  expires: Type.String(),
  client_ip: Type.String(),
  mfa: Type.Boolean(),
  streams: Type.Integer(),
})

/** `/v1/webapi/sessions`. Ending a session also ends its child sessions; `cut` includes how many ended in all. */
export function sessionRoutes(options: {
  readonly sessions: Pick<Sessions, 'list' | 'end' | 'activityOf'>
  readonly catalog: Pick<Catalog, 'byId'>
  readonly hubState: Pick<HubState, 'confirmed'>
}): WebRoutes {
  const { sessions, catalog, hubState } = options

  const appOf = ({ appId }: Session) => (appId === null ? null : (catalog.byId(appId)?.name ?? null))
  const appsOf = ({ apps }: Session) => apps.flatMap((id) => catalog.byId(id)?.name ?? [])
  const programOf = ({ kind, client }: Session) => (kind === 'token' || kind === 'device' ? client : null)
  const isAt = (session: Session, app: string) => appOf(session) === app || appsOf(session).includes(app)
  const show = (session: Session, { streams, lastUsed }: Activity) => ({
    id: session.id,
    kind: session.kind,
    user: session.user,
    app: appOf(session),
    apps: appsOf(session),
    program: programOf(session),
    client: session.client,
    parent: session.parentId,
    created: new Date(session.created).toISOString(),
    last_used: new Date(lastUsed).toISOString(),
    expires: new Date(session.expires).toISOString(),
    client_ip: session.clientIp,
    mfa: hubState.confirmed(session),
    streams,
  })

  return resourceRoutes<Session>(
    {
      ...{ name: 'session', collection: 'sessions', key: 'id', form: { flat: SessionResource } },
      order: ({ created, id }) => `${new Date(created).toISOString()} ${id}`,
      newestFirst: true,
      search: (one) => [
        ...[
          one.user,
          appOf(one) ?? '',
          ...appsOf(one),
          programOf(one) ?? '',
          one.client ?? '',
          one.clientIp,
          one.id,
        ],
        `state:${one.kind}`,
      ],
      sorts: {
        user: ({ user }) => user,
        created: ({ created }) => created,
        expires: ({ expires }) => expires,
      },
      list: {
        summary: 'All live sessions',
        query: Filter,
        rows({ query }) {
          const { user, app, program } = query as Static<typeof Filter>
          const wanted = program?.toLowerCase()
          return sessions
            .list()
            .filter(
              (one) =>
                (user === undefined || one.user === user) &&
                (app === undefined || isAt(one, app)) &&
                (wanted === undefined || programOf(one)?.toLowerCase().includes(wanted) === true),
            )
        },
        async showAll(listed) {
          const use = await sessions.activityOf(listed)
          return (one) => show(one, use(one))
        },
      },
    },
    (on) => {
      const all = {
        access: 'session.end',
        cuts: true,
        summary: 'Ends the sessions of a user, at an app, or all',
        querystring: Ended,
      } as const
      on('DELETE /', all, async (_, { query: { user, app, all }, subject }) => {
        if ([user, app, all].filter((one) => one !== undefined).length !== 1)
          throw problemFor('bad_request', 'Name a user, an app, or all=true, and one of them only.')
        const wanted = sessions
          .list()
          .filter((one) => all || one.user === user || (app !== undefined && isAt(one, app)))
        const ids = wanted.map(({ id }) => id)
        return { revoked: true, cut: { sessions: await sessions.end(ids, 'revoked', subject) } }
      })
      on('DELETE /:id', { access: 'session.end', cuts: true }, async (id, { subject }) => {
        const ended = await sessions.end([id], 'revoked', subject)
        if (ended === 0) {
          throw problemFor(
            'session_not_found',
            `There is no session ${id}; \`mezctl sessions ls\` lists them.`,
          )
        }
        return { id, revoked: true, cut: { sessions: ended } }
      })
    },
  )
}
