import {
  type App,
  type Catalog,
  entityTags,
  mapInTurns,
  Problem,
  type Sessions,
  type SignInDesk,
  type Subject,
  Type,
  type WebRoutes,
} from '@mezite/core'
import { type Administration, type HubState, pageOf } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import { NamedPageQuery } from './named-page-query.ts'

type Apps = Administration['apps']
type AppInput = ReturnType<Apps['read']>

const appResource = (spec: Apps['spec']) =>
  Type.Object({
    kind: Type.String(),
    version: Type.String(),
    metadata: Type.Object({
      name: Type.String(),
      description: Type.Optional(Type.String()),
      labels: Type.Record(Type.String(), Type.String()),
      expires: Type.Optional(Type.String()),
    }),
    spec,
    status: Type.Object({
      etag: Type.String({ description: 'For If-Match of a change' }),
      state: Type.String({ description: 'ready, unreachable, no_agent or disabled' }),
      reason: Type.Nullable(Type.String()),
      locked: Type.Boolean({ description: 'A lock on the app: nobody may open it' }),
      agents: Type.Array(
        Type.Object({
          hostname: Type.String(),
          connected: Type.Boolean(),
          since: Type.Nullable(Type.String()),
          transport: Type.Nullable(Type.String()),
          rtt_ms: Type.Nullable(Type.Number()),
          last_error: Type.Nullable(Type.String()),
        }),
      ),
      url: Type.Nullable(Type.String({ description: 'Where browsers open the app; null if they cannot' })),
      certificate: Type.Nullable(
        Type.Object(
          {
            state: Type.String({ description: 'valid, ordering or failing' }),
            error: Type.Nullable(Type.String()),
          },
          { description: 'What browsers get; null if they cannot open the app' },
        ),
      ),
      sessions: Type.Integer(),
      streams: Type.Integer(),
    }),
  })

/** Only a lock on the app itself concerns it. */
const NOBODY: Subject = { user: '', roles: [], kind: 'operator', sessionId: null, satisfied: [] }
const admin = { config: { access: 'admin' } } as const
/** Agents of one test. */
const MOST_TESTED = 20
const test = {
  summary: 'Checks an app document and connects to the app from its agents, without saving it',
  returns: Type.Object({
    agents: Type.Array(
      Type.Object({
        hostname: Type.String(),
        ok: Type.Boolean(),
        reason: Type.Nullable(Type.String()),
        error: Type.Nullable(Type.String()),
        ms: Type.Integer(),
      }),
    ),
  }),
}
const cutting = { config: { access: 'admin', cuts: true } } as const
type Request = Pick<Parameters<SignInDesk['sessionOf']>[0], 'actor'> & { readonly params: Named['Params'] }
type Named = { Params: { name: string } }
type Bound = { Params: { name: string; hostname: string } }

/** `/v1/webapi/apps`. Responses to changes that can end access have `cut`. */
export function appRoutes(options: {
  readonly administration: Pick<Administration, 'apps'>
  readonly catalog: Pick<Catalog, 'servedByHub' | 'urlOf'>
  readonly hubState: Pick<HubState, 'certificateOf' | 'lastError' | 'links' | 'stateOf'>
  readonly locks: LockView
  readonly sessions: Pick<Sessions, 'list' | 'live' | 'end'>
}): WebRoutes {
  const { catalog, hubState, locks, sessions } = options
  const { apps } = options.administration

  function show(app: App, sessionCount = sessionsOf(app).length) {
    const links = hubState.links()
    const document = apps.documentOf(app)
    return {
      ...document,
      status: {
        etag: entityTags.of(document),
        ...hubState.stateOf(app),
        locked: locks.lockFor(NOBODY, app) !== null,
        agents: app.agents.map((hostname) => {
          const link = links.find((each) => each.hostname === hostname)
          return {
            hostname,
            connected: link !== undefined,
            since: link ? new Date(link.since).toISOString() : null,
            transport: link?.transport ?? null,
            rtt_ms: link?.rttMs ?? null,
            last_error: hubState.lastError(app, hostname),
          }
        }),
        url: catalog.urlOf(app),
        certificate: catalog.servedByHub(app) ? hubState.certificateOf(app.publicAddr) : null,
        sessions: sessionCount,
        streams: sessions.live.countBy({ appId: app.id }),
      },
    }
  }
  const sessionsOf = (app: App) => sessions.list().filter(({ appId }) => appId === app.id)
  const known = (name: string): App => {
    const app = apps.registered().find((each) => each.name === name)
    if (!app)
      throw new Problem(404, 'app_not_found', `There is no app ${name}; \`mezctl apps ls\` lists them.`)
    return app
  }
  const toggle = (enabled: boolean) => async (request: Request) => {
    const before = known(request.params.name)
    const app = before.enabled === enabled ? before : await change(request, (old) => ({ ...old, enabled }))
    return show(app)
  }
  const change = (request: Request, next: (app: App) => AppInput) =>
    apps.change(request.params.name, next, request.actor)

  return {
    name: 'apps',
    prefix: '/v1/webapi/apps',
    async routes(web) {
      const AppResource = appResource(apps.spec)
      const list = {
        summary: 'All apps with their state',
        querystring: NamedPageQuery,
        returns: Type.Array(AppResource),
      }
      web.get('/', { ...admin, schema: list }, async (request, reply) => {
        const counts = new Map<string, number>()
        for (const { appId } of sessions.list()) if (appId) counts.set(appId, (counts.get(appId) ?? 0) + 1)
        const page = await pageOf(request, reply, apps.registered(), {
          keyOf: (app) => app.name,
          textOf: ({ name, uri, publicAddr, labels }) =>
            [name, uri, publicAddr, ...Object.entries(labels).flat()].join(' '),
        })
        return mapInTurns(page, (app) => show(app, counts.get(app.id) ?? 0))
      })
      web.post('/', admin, async (request, reply) => {
        const { app } = await apps.put(apps.read(request.body), 'create', request.actor)
        reply.code(201)
        return show(app)
      })
      const get = { summary: 'One app with its state', returns: AppResource }
      web.post(
        '/test',
        { config: { ...admin.config, deadlineMs: 60_000 }, schema: test },
        async (request) => {
          const input = apps.read(request.body)
          apps.check(input)
          const app: App = { ...input, id: 'test' }
          const agents = app.agents.slice(0, MOST_TESTED)
          return {
            agents: await Promise.all(
              agents.map(async (hostname) => ({ hostname, ...(await apps.probe(app, hostname)) })),
            ),
          }
        },
      )
      web.get<Named>('/:name', { ...admin, schema: get }, async ({ params }) => show(known(params.name)))
      web.put<Named>('/:name', cutting, async (request, reply) => {
        const input = apps.read(request.body, request.params.name)
        const { created, app } = await apps.put(input, 'put', request.actor, request.headers)
        if (created) reply.code(201)
        return { created, resource: show(app) }
      })
      web.delete<Named>('/:name', cutting, async (request) => {
        const before = known(request.params.name)
        const app = await apps.remove(before.name, request.actor)
        const ids = sessionsOf(app).map(({ id }) => id)
        const ended = ids.length === 0 ? 0 : await sessions.end(ids, 'app_deleted', request.subject)
        return { name: app.name, removed: true, cut: { sessions: ended } }
      })
      web.post<Named>('/:name/enable', admin, toggle(true))
      web.post<Named>('/:name/disable', cutting, toggle(false))
      web.put<Bound>('/:name/agents/:hostname', admin, async (request) => {
        const hostname = request.params.hostname.toLowerCase()
        if (!/^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/.test(hostname)) {
          throw new Problem(
            400,
            'hostname_invalid',
            `${request.params.hostname} cannot be the host name of an agent.`,
          )
        }
        return show(
          await change(request, (app) => ({ ...app, agents: [...new Set([...app.agents, hostname])] })),
        )
      })
      web.delete<Bound>('/:name/agents/:hostname', admin, async (request) => {
        const hostname = request.params.hostname.toLowerCase()
        return show(
          await change(request, (app) => {
            if (app.agents.includes(hostname))
              return { ...app, agents: app.agents.filter((one) => one !== hostname) }
            throw new Problem(404, 'agent_not_bound', `${app.name} is not bound to ${hostname}.`)
          }),
        )
      })
    },
  }
}

/**
 * `/v1/webapi/schemas/app`: the JSON Schema of an app's `spec`, for `mezctl explain`. Plugins add the schemas of their
 * kinds.
 */
export const appSchemaRoutes = ({ apps }: Pick<Administration, 'apps'>): WebRoutes => {
  const { spec, appConfigs } = apps
  const { plugins } = spec.properties
  const properties = { ...spec.properties, plugins: { ...plugins, properties: appConfigs } }
  return {
    name: 'app-schema',
    prefix: '/v1/webapi/schemas',
    async routes(web) {
      web.get('/app', admin, async () => ({ ...spec, properties }))
    },
  }
}
