// together: hubs
/** What loads without being named, in which order it is set up, and who stands on which hook in which order. */
import { isAbsolute } from 'node:path'
import t from 'tap'
import { hubHooks } from '../../core/api/hub-hooks.ts'
import { defaultLimits } from '../../core/base/limits/limits.ts'
import { loadPlugins } from '../../core/base/loader/plugin-loader.ts'
import { hubServices } from '../../core/hub/config/hub-services.ts'
import { standardPlugins, standardProviders } from '../../core/hub/config/standard-plugins.ts'
import { createKernel } from '../../core/kernel/kernel.ts'
import type { LifecycleHooks } from '../../core/kernel/lifecycle.ts'
import { createTestHub, memoryLog } from '../../core/testing/index.ts'

const program = new URL('../../core/hub/config', import.meta.url).pathname

/** Stands in for every room: setup may take hold of anything, and nothing is run. */
const anything: unknown = new Proxy(() => {}, {
  get: (_target, key) =>
    key === Symbol.toPrimitive ? () => 'anything' : key === 'then' ? undefined : anything,
  apply: () => anything,
})

async function wired(plugins: Readonly<Record<string, unknown>> = {}) {
  const loaded = await loadPlugins({
    side: 'hub',
    standard: standardPlugins,
    plugins,
    folder: program,
    program,
  })
  const kernel = createKernel<LifecycleHooks>({
    tree: hubHooks,
    side: 'hub',
    plugins: loaded.map(({ plugin }) => plugin),
    suggestions: standardProviders,
    log: memoryLog().log,
  })
  const { proxyLimits } = hubServices
  kernel.setup(
    Object.values(hubServices).map((ref) => [ref, ref === proxyLimits ? defaultLimits : anything] as const),
  )
  return kernel
}

const ORDER = [
  ...[
    'acme',
    'api-tokens',
    'app-proposals',
    'audit-database',
    'cli-login',
    'docs',
    'identity-jwt',
    'http-apps',
  ],
  ...['metrics', 'notifiers', 'oidc', 'public-paths'],
  ...['tcp-apps', 'transport-http2', 'transport-websocket', 'transport-webtransport'],
  ...[
    'webauthn',
    'app-rules',
    'bots',
    'user-certs',
    'web-api',
    'notifications',
    'access-requests',
    'change-approvals',
    'devices',
    'rbac',
  ],
  ...['authorization-server', 'dashboard', 'signed-intent', 'backup', 'sign-in'],
]

t.test('the standard set has this order of setup, and each plugin provides these services', async (t) => {
  const kernel = await wired()
  t.strictSame(Object.fromEntries(kernel.describe().map(({ name, provides }) => [name, provides])), {
    acme: ['certificates', 'dashboardParts', 'migrations', 'webRoutes'],
    'api-tokens': ['credentials', 'webRoutes'],
    'app-proposals': ['dashboardParts', 'migrations', 'webRoutes'],
    'app-rules': ['dashboardParts', 'findings', 'operationReaders', 'requirements', 'roleRules'],
    'access-requests': ['dashboardParts', 'denialHelp', 'homeLinks', 'migrations', 'roleRules', 'webRoutes'],
    'audit-database': ['auditSinks', 'databaseChecks', 'migrations', 'recordedRequests', 'webRoutes'],
    'authorization-server': ['credentials', 'dashboardParts', 'migrations', 'webRoutes'],
    backup: ['webRoutes'],
    bots: ['botLogins', 'credentials', 'dashboardParts', 'findings', 'migrations', 'webRoutes'],
    'change-approvals': ['changeHolds', 'dashboardParts', 'migrations', 'webRoutes'],
    'cli-login': ['commandLogins', 'migrations', 'webRoutes'],
    dashboard: ['homeLinks', 'migrations', 'webRoutes'],
    devices: ['credentials', 'dashboardParts', 'migrations', 'roleRules', 'webRoutes'],
    docs: ['documentation', 'homeLinks', 'webRoutes'],
    'identity-jwt': ['assertion', 'migrations', 'webRoutes'],
    'http-apps': ['appKinds', 'appVerdicts', 'credentials', 'protocols', 'verifiers'],
    metrics: ['diagnosticsRoutes'],
    notifications: ['migrations', 'notifications', 'webRoutes'],
    notifiers: ['notifiers'],
    oidc: ['migrations', 'signInMethods', 'webRoutes'],
    'public-paths': ['dashboardParts', 'findings', 'migrations', 'verifiers'],
    rbac: ['adminRoles', 'dashboardParts', 'sessionLimits', 'migrations', 'requirements', 'webRoutes'],
    'sign-in': ['webRoutes'],
    'signed-intent': ['migrations', 'requestHolds', 'requirements', 'webRoutes'],
    'tcp-apps': ['appKinds', 'migrations', 'protocols'],
    'transport-http2': ['transports'],
    'transport-websocket': ['transports'],
    'transport-webtransport': ['transports'],
    'user-certs': ['credentials', 'webRoutes'],
    'web-api': ['attention', 'webRoutes'],
    webauthn: ['confirmations', 'dashboardParts', 'migrations', 'signInMethods', 'webRoutes'],
  })
  t.strictSame(
    kernel.describe().map(({ name }) => name),
    ORDER,
  )
  t.strictSame(standardPlugins.toSorted(), ORDER.toSorted())
})

t.test('the taps of every hook run in this order', async (t) => {
  const kernel = await wired()
  const hooks = Object.entries(hubHooks).flatMap(([room, verbs]) =>
    Object.keys(verbs).map((verb) => `${room}.${verb}`),
  )
  t.strictSame(Object.fromEntries(hooks.map((hook) => [hook, kernel.tapsOf(hook)])), {
    'lifecycle.start': [
      ...['audit-database', 'identity-jwt', 'http-apps', 'tcp-apps', 'access-requests', 'dashboard'],
    ],
    'lifecycle.ready': [],
    'lifecycle.drain': ['audit-database', 'dashboard'],
    'lifecycle.stop': [
      ...['signed-intent', 'dashboard', 'access-requests', 'tcp-apps', 'http-apps', 'audit-database'],
    ],
    'access.decide': ['app-rules', 'bots', 'access-requests', 'devices', 'rbac'],
    'access.challenge': ['webauthn', 'app-rules'],
    'user.released': ['api-tokens', 'bots', 'access-requests'],
    'session.ended': ['tcp-apps'],
    'tunnel.changed': ['app-proposals', 'web-api', 'dashboard'],
    'tunnel.proposed': ['app-proposals'],
    'tunnel.route': [],
    'http.request': [],
    'http.response': [],
    'audit.event': [],
    'audit.recorded': ['access-requests', 'dashboard'],
  })
  const calls = kernel.calls as unknown as { access: { decide: { pure: boolean } } }
  t.equal(
    calls.access.decide.pure,
    true,
    'decisions of the standard set may be kept until access data changes',
  )
})

t.test('each plugin can be turned off, and a missing provider is named', async (t) => {
  const without = await wired({ oidc: false, rbac: false })
  t.strictSame(
    // Whoever wants a part of them is set up sooner.
    without
      .describe()
      .map(({ name }) => name)
      .sort(),
    ORDER.filter((name) => name !== 'oidc' && name !== 'rbac').sort(),
  )
  await t.rejects(wired({ 'identity-jwt': false }), {
    code: 'MEZ_SERVICE_MISSING',
    hint: /Add 'identity-jwt' under/,
  })
})

interface Row {
  readonly name: string
  readonly start_ms: number | null
  readonly source: string
  readonly rights: readonly string[]
}

t.test('a running hub reports the same', async (t) => {
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  const { plugins, steps } = await hub.api<{
    plugins: Row[]
    steps: { step: string; plugins: string[] }[]
  }>('GET', '/status?plugins=1')
  t.strictSame(
    plugins.map(({ name }) => name),
    ORDER,
  )
  t.ok(plugins.some(({ start_ms }) => typeof start_ms === 'number'))
  t.ok(plugins.every(({ start_ms }) => start_ms === null || start_ms >= 0))
  const rowOf = (name: string) => plugins.find((row) => row.name === name)
  const [grants, writes, bodies] = ['grants access', 'writes the database', 'sees bodies']
  t.match(rowOf('rbac'), {
    source: /plugins\/rbac\/hub\.ts$/,
    taps: ['access.decide'],
    rights: [grants, writes],
  })
  t.match(rowOf('http-apps'), { rights: [grants, writes, bodies] })
  t.strictSame(rowOf('web-api')?.rights, [grants])
  t.strictSame(rowOf('metrics')?.rights, [])
  t.ok(plugins.every(({ source }) => isAbsolute(source)))
  t.strictSame(
    steps.map((one) => [one.step, ...one.plugins]),
    [
      ['credentials', 'api-tokens', 'http-apps', 'bots', 'user-certs', 'devices', 'authorization-server'],
      ['verifiers', 'http-apps', 'public-paths'],
      ['access.decide', 'app-rules', 'bots', 'access-requests', 'devices', 'rbac'],
      ['audit.recorded', 'access-requests', 'dashboard'],
    ],
    'what the standard set does for each request',
  )
})
