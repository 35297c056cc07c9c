import { join } from 'node:path'
import { dashboardParts } from '../api/dashboard.ts'
import { webRoutes } from '../api/web-routes.ts'
import { messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { adminRequests } from '../program/admin/admin-client.ts'
import { type ConformTest, inTime } from './conformance-test.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'
import { createTestHub, type TestHub } from './test-hub.ts'

/** Inputs of `conformRoutes` and `conformDashboardParts`. */
export interface ConformRoutesOptions extends TestHostOptions {
  /** A running hub with the plugin, for several suites. Default: a hub for this suite, which the last test stops. */
  readonly hub?: TestHub
  /** The routes that anybody may call: `GET /v1/webapi/my-plugin/health`. Default: none. */
  readonly public?: readonly string[]
}

interface Route {
  readonly method: string
  readonly url: string
  readonly access: string
  readonly isLong: boolean
}

const API = '/v1/webapi'
const BODIES = [null, {}, [], 7, { unexpected: { deep: [true] } }, { name: 'x'.repeat(10_000) }]
const BODYLESS = ['GET', 'HEAD', 'OPTIONS']

/**
 * Checks the routes of a plugin in a running hub: strangers reach only those that the test names as public, and no body or
 * parameter makes one fail or hang. `use` has stand-ins for the needs of `setup`, to list the routes.
 */
export function conformRoutes(t: ConformTest, plugin: AnyPlugin, options: ConformRoutesOptions = {}): void {
  const { public: open = [], hub: shared, ...host } = options
  const hub = hubOf(plugin, options)

  t.test('only the routes that the test names are public', async (t) => {
    const all = await routesOf(plugin, host)
    t.ok(all.length > 0, 'it has routes')
    const found = all.filter(({ access }) => access === 'public').map(nameOf)
    const [more, gone] = [without(found, open), without(open, found)]
    t.ok(more.length === 0, more.join(', ') || 'no other route is public')
    t.ok(gone.length === 0, `${gone.join(', ') || 'each of them'} exists`)
  })

  t.test('strangers are refused', async (t) => {
    const { signInUrl, visitor } = await hub()
    for (const route of await routesOf(plugin, host)) {
      if (route.access === 'public') continue
      const asked = visitor().fetch(signInUrl + filled(route.url), { method: route.method })
      const { status } = await inTime(asked, nameOf(route))
      const isSentAway = status === 401 || status === 403 || (status >= 300 && status < 400)
      t.ok(isSentAway, `${nameOf(route)}: ${status}`)
    }
  })

  t.test('no body and no parameter makes a route fail or hang', async (t) => {
    const ask = adminRequests(join((await hub()).dataDir, 'admin.sock'))
    for (const route of await routesOf(plugin, host)) {
      if (!route.url.startsWith(API) || route.isLong || route.access === 'page') continue
      for (const body of BODYLESS.includes(route.method) ? [undefined] : BODIES) {
        const asked = ask(route.method, filled(route.url).slice(API.length), body)
        const outcome = await inTime(asked, nameOf(route)).then(({ status }) => status, messageOf)
        t.ok(typeof outcome === 'number' && outcome < 500, `${nameOf(route)}: ${outcome}`)
      }
    }
    if (shared === undefined) await (await hub()).stop()
  })
}

/**
 * Checks the pages and panels that a plugin adds to the dashboard, in a running hub: each has content that the dashboard
 * can show, within its time and size.
 */
export function conformDashboardParts(
  t: ConformTest,
  plugin: AnyPlugin,
  options: Omit<ConformRoutesOptions, 'public'> = {},
): void {
  const { hub: shared, ...host } = options
  const hub = hubOf(plugin, options)
  const parts = () => createTestHost(plugin, host).slot(dashboardParts)

  t.test('it adds pages or panels', async (t) => {
    t.ok(
      parts().length > 0,
      parts()
        .map(({ title }) => title)
        .join(', ') || 'none',
    )
  })

  t.test('each page and panel has content that the dashboard can show', async (t) => {
    const { api } = await hub()
    const spec = { uri: 'http://127.0.0.1:1', agents: ['conform-parts'] }
    const metadata = { name: 'conform-parts' }
    await api('PUT', '/apps/conform-parts', { kind: 'app', version: 'v1', metadata, spec })
    const shown = await api<readonly { title: string; blocks: unknown }[]>(
      'GET',
      '/dashboard/panels/conform-parts',
    )
    for (const part of parts()) {
      const outcome =
        part.kind === 'page'
          ? await api('GET', `/dashboard/pages/${part.path}`).then(() => null, messageOf)
          : shown.some(({ title, blocks }) => title === part.title && blocks === null)
            ? 'it failed; the log of the hub says why'
            : null
      t.ok(outcome === null, `${part.kind} ${part.title}: ${outcome ?? 'shown'}`)
    }
    await api('DELETE', '/apps/conform-parts')
    if (shared === undefined) await (await hub()).stop()
  })
}

function hubOf(plugin: AnyPlugin, { hub, config }: ConformRoutesOptions): () => Promise<TestHub> {
  let opened: Promise<TestHub> | undefined
  return () => {
    opened ??= hub ? Promise.resolve(hub) : createTestHub({ plugins: [{ plugin, config }] })
    return opened
  }
}

const nameOf = ({ method, url }: Route) => `${method} ${url}`
const without = (all: readonly string[], some: readonly string[]) => all.filter((one) => !some.includes(one))
/** A value for each parameter of a path. */
const filled = (url: string) => url.replaceAll(/:\w+(\([^)]*\))?|\*/g, 'none')

/** Mounts the routes on a server that serves nobody. */
async function routesOf(plugin: AnyPlugin, host: TestHostOptions): Promise<readonly Route[]> {
  const { default: Fastify } = await import('fastify')
  const app = Fastify()
  const routes: Route[] = []
  app.setValidatorCompiler(() => () => true)
  app.addHook('onRoute', ({ method, url, config }) => {
    const { access = 'none', deadlineMs } = config ?? {}
    for (const one of [method].flat())
      if (one !== 'HEAD')
        routes.push({ method: one, url: url.replace(/(?<=.)\/$/, ''), access, isLong: deadlineMs === 0 })
  })
  for (const { prefix, routes: mount } of createTestHost(plugin, host).slot(webRoutes))
    app.register(async (scope) => void (await mount(scope, {})), { prefix })
  await app.ready()
  await app.close()
  return [...new Map(routes.map((route) => [nameOf(route), route])).values()]
}
