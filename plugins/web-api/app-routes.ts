import {
  type App,
  type Catalog,
  entityTags,
  resourceRoutes,
  type Sessions,
  type Subject,
  Type,
  type WebRoutes,
} from '@mezite/core'
import type { Administration, HubState } from '@mezite/core/administration'
import type { LockView } from '@mezite/core/identity'
import { problemFor } from './reasons.ts'

const status = {
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
}

/** Only a lock on the app itself concerns it. */
const NOBODY: Subject = { user: '', roles: [], kind: 'operator', sessionId: null, satisfied: [] }
/** Agents of one test. */
const MOST_TESTED = 20
const test = {
  access: 'app.update',
  summary: 'Checks an app document and connects to the app from its agents, without saving it',
  deadlineMs: 60_000,
  returns: Type.Object({
    url: status.url,
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
} as const
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
  const hostsOf = ({ publicAddr, aliases = [] }: App) => [publicAddr, ...aliases]
  const named = (name: string) => apps.registered().find((each) => each.name === name)
  const missing = (name: string) =>
    problemFor('app_not_found', `There is no app ${name}; \`mezctl apps ls\` lists them.`)
  const known = (name: string): App => {
    const app = named(name)
    if (app) return app
    throw missing(name)
  }
  const { spec, appConfigs } = apps
  const plugins = { ...spec.properties.plugins, properties: appConfigs }

  return resourceRoutes<App>(
    {
      ...{ name: 'app', collection: 'apps', key: 'name', show: (app) => show(app), missing },
      form: { spec: { ...spec, properties: { ...spec.properties, plugins } }, status },
      search: (app) => [
        app.display?.name ?? app.name,
        ...[app.name, app.description ?? '', app.display?.group ?? '', app.uri, ...hostsOf(app)],
        ...Object.entries(app.labels).map(([key, value]) => `${key}=${value}`),
        ...app.agents.map((hostname) => `agent:${hostname}`),
        ...[`state:${hubState.stateOf(app).state}`, locks.lockFor(NOBODY, app) ? 'state:locked' : ''],
      ],
      sorts: {
        name: ({ name }) => name,
        state: (app) => hubState.stateOf(app).state,
        streams: ({ id }) => sessions.live.countBy({ appId: id }),
        group: ({ display }) => display?.group ?? '',
      },
      list: {
        summary: 'All apps with their state',
        rows: () => apps.registered(),
        async showAll() {
          const counts = new Map<string, number>()
          for (const { appId } of sessions.list()) if (appId) counts.set(appId, (counts.get(appId) ?? 0) + 1)
          return (app) => show(app, counts.get(app.id) ?? 0)
        },
      },
      labels: { of: ({ labels }) => labels, at: (name) => named(name)?.labels },
      get: { summary: 'One app with its state', find: known },
    },
    (on) => {
      on('POST /', { access: 'app.create', rows: 'asks' }, async (_, { body, actor, requireRow }) => {
        const input = apps.read(body)
        requireRow(input.labels)
        return show((await apps.put(input, 'create', actor)).app)
      })
      on('POST /test', test, async (_, { body, actor }) => {
        const input = apps.read(body)
        apps.check(input, actor)
        const app: App = { ...input, id: 'test' }
        const agents = app.agents.slice(0, MOST_TESTED)
        return {
          url: catalog.urlOf(app),
          agents: await Promise.all(
            agents.map(async (hostname) => ({ hostname, ...(await apps.probe(app, hostname)) })),
          ),
        }
      })
      on(
        'PUT /:name',
        { access: 'app.update', cuts: true },
        async (name, { body, actor, headers, subject, requireRow }, reply) => {
          const before = named(name)
          const input = apps.read(body, name)
          requireRow(input.labels)
          const { created, app } = await apps.put(input, 'put', actor, headers)
          if (created) reply.code(201)
          // A host that the app has left may become that of another app.
          if (before !== undefined && hostsOf(before).some((host) => !hostsOf(app).includes(host))) {
            const ids = sessionsOf(app).map(({ id }) => id)
            if (ids.length > 0) await sessions.end(ids, 'revoked', subject)
          }
          return { created, resource: show(app) }
        },
      )
      on('DELETE /:name', { access: 'app.delete', cuts: true }, async (name, { actor, subject }) => {
        const app = await apps.remove(known(name).name, actor)
        const ids = sessionsOf(app).map(({ id }) => id)
        const ended = ids.length === 0 ? 0 : await sessions.end(ids, 'app_deleted', subject)
        return { name: app.name, removed: true, cut: { sessions: ended } }
      })
      for (const enabled of [true, false])
        on(
          `POST /:name/${enabled ? 'enable' : 'disable'}`,
          { access: 'app.enable', cuts: !enabled },
          async (name, { actor }) => {
            const before = known(name)
            const change = () => apps.change(name, (old) => ({ ...old, enabled }), actor)
            return show(before.enabled === enabled ? before : await change())
          },
        )
      on('PUT /:name/agents/:hostname', { access: 'app.update' }, async (name, { params, actor }) => {
        const hostname = params.hostname!.toLowerCase()
        if (!/^[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?$/.test(hostname)) {
          const detail = `${params.hostname} cannot be the host name of an agent.`
          throw problemFor('hostname_invalid', detail)
        }
        const bind = (app: App) => ({ ...app, agents: [...new Set([...app.agents, hostname])] })
        return show(await apps.change(name, bind, actor))
      })
      on('DELETE /:name/agents/:hostname', { access: 'app.update' }, async (name, { params, actor }) => {
        const hostname = params.hostname!.toLowerCase()
        const unbind = (app: App) => {
          if (app.agents.includes(hostname))
            return { ...app, agents: app.agents.filter((one) => one !== hostname) }
          throw problemFor('agent_not_bound', `${app.name} is not bound to ${hostname}.`)
        }
        return show(await apps.change(name, unbind, actor))
      })
    },
  )
}
