// together: plugin-hubs
/** Apps that agents propose: what is kept, how it is accepted, and what an agent cannot do. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { appSources, defineAgentPlugin } from '@mezite/core'
import type { ProposedApp } from '@mezite/core/administration'
import {
  conformDashboardParts,
  conformMigrations,
  conformPlugin,
  conformResource,
  conformRoutes,
  openProtocolBench,
  testJobs,
} from '@mezite/core/testing'
import t from 'tap'
import plugin from '../../../plugins/app-proposals/hub.ts'
import { matches, sourceResource } from '../../../plugins/app-proposals/sources.ts'
import { runLines } from '../../oclif-cli/run-program.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'

let propose: (apps: readonly ProposedApp[]) => void = () => {}
/** A source whose apps the test says. */
const source = defineAgentPlugin({
  name: 'told',
  api: 1,
  summary: 'Proposes what the test says',
  provides: { appSources },
  setup({ provide }) {
    provide.appSources({
      name: 'told',
      watch(given) {
        propose = given
      },
    })
  },
})

const web = createServer((_request, response) => void response.end('reached'))
web.listen(0, '127.0.0.1')
await once(web, 'listening')
const uri = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
const bench = await openProtocolBench([], [{ plugin: source }])
const { hub, agent } = bench
const folder = mkdtempSync(join(tmpdir(), 'mezite-proposals-'))
t.teardown(async () => {
  await bench.close()
  web.close()
  rmSync(folder, { recursive: true })
})
const ann = await bench.person('ann', ['reaches'])
const labels = { conform: 'yes' }

interface Listed {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly problem: string | null
}
const listed = () => hub.api<Listed[]>('GET', '/app-proposals')
const names = async () => (await listed()).map(({ name, state }) => `${name} ${state}`).join()
const untilListed = (wanted: string) =>
  until(async () => (await names()) === wanted, `${wanted} are proposed`)
const idOf = async (name: string) => (await listed()).find((one) => one.name === name)!.id
const rule = (name: string, spec: object) =>
  hub.api('PUT', `/app-sources/${name}`, { kind: 'app_source', version: 'v1', metadata: { name }, spec })
const record = (type: string) => hub.api<object[]>('GET', `/audit?type=app_proposal.${type}`)
const status = async (name: string) => (await ann.open(`${hub.appUrl(name)}/`)).status

conformMigrations(t, plugin, {
  use: {
    catalog: {},
    database: { withTables: () => ({}) },
    jobs: testJobs(),
    revisions: { addView() {} },
    tunnel: {},
  },
})

t.test('the plugin and its resource pass their suites', async (t) => {
  const use = {
    catalog: {},
    database: { withTables: () => ({}) },
    jobs: testJobs(),
    revisions: { addView() {} },
    tunnel: {},
  }
  conformPlugin(t, plugin, { use })
  conformRoutes(t, plugin, { hub, use })
  conformDashboardParts(t, plugin, { hub, use })
  const { definition } = sourceResource(() => {})
  const spec = { agents: ['x'], names: ['x'] }
  const another = { kind: 'app_source', version: 'v1', metadata: { name: 'another' }, spec }
  conformResource(t, plugin, { hub, resource: definition, another })
})

t.test('a pattern matches with * for any characters, in linear time', async (t) => {
  const cases = [
    ...[
      ['shop-*', 'shop-cart', true],
      ['shop-*', 'shop-', true],
      ['shop-*', 'shop', false],
    ],
    ...[
      ['*', '', true],
      ['a*b*c', 'axxbxxc', true],
      ['a*b*c', 'axxcxxb', false],
      ['a.b', 'axb', false],
    ],
  ] as const
  for (const [pattern, text, result] of cases) t.equal(matches(pattern, text), result, `${pattern} ${text}`)
  const watch = startStopwatch()
  t.notOk(matches(`${'*a'.repeat(120)}b`, 'a'.repeat(253)))
  t.ok(watch.took() < 1_000)
})

t.test('U230 an agent proposes only allowed apps, and cannot take an existing name', async (t) => {
  await hub.api('PUT', '/apps/shop-taken', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'shop-taken', labels },
    spec: { uri: 'http://127.0.0.1:1', agents: ['another'] },
  })
  propose([
    { name: 'shop-cart', uri, labels, description: 'The cart' },
    { name: 'shop-taken', uri, labels },
    { name: 'other', uri, labels },
    { name: 'shop-label', uri, labels: { conform: 'no' } },
    { name: 'shop-more', uri, labels: { conform: 'yes', tier: 'secret' } },
    { name: 'Shop', uri },
    { name: 'shop-plain', uri },
  ])
  await rule('others', { agents: ['node-2'], names: ['*'] })
  await until(() => hub.log.some((line) => /no rule admits/.test(line)), 'the hub has looked')
  t.strictSame(await listed(), [], 'no rule is about this agent')
  await rule('shop', { agents: ['node-*'], names: ['shop-*'], labels: { conform: ['yes'] } })
  await untilListed('shop-cart pending,shop-plain pending')
  t.match(await listed(), [
    { name: 'shop-cart', agent: agent.hostname, uri, labels, description: 'The cart', protocol: null },
    { name: 'shop-plain', labels: {} },
  ])
  t.match(await hub.api('GET', '/apps/shop-taken'), {
    spec: { uri: 'http://127.0.0.1:1', agents: ['another'] },
  })
  t.match(await record('created'), [{ agent: agent.hostname }, { agent: agent.hostname }])
  t.ok(agent.log.some((line) => /proposed app is not valid/.test(line)))
})

t.test('the page of the dashboard has a form for each decision about a pending app', async (t) => {
  const page = await hub.api<{ blocks: object[] }>('GET', '/dashboard/pages/app-proposals')
  const id = await idOf('shop-cart')
  const path = `/v1/webapi/app-proposals/${id}`
  t.match(
    page.blocks.filter((block) => 'path' in block && String(block.path).startsWith(path)),
    [
      { kind: 'form', method: 'POST', path: `${path}/accept`, destructive: false },
      { kind: 'form', method: 'POST', path: `${path}/refuse`, destructive: true },
    ],
  )
})

t.test('U229 nobody reaches a proposed app before it is accepted', async (t) => {
  t.equal(await status('shop-cart'), 404)
  const id = await idOf('shop-cart')
  for (const [method, path] of [
    ['GET', ''],
    ['POST', `/${id}/accept`],
    ['POST', `/${id}/refuse`],
    ['DELETE', `/${id}`],
  ] as const) {
    const asked = await ann.fetch(`${hub.url}/v1/webapi/app-proposals${path}`, {
      method,
      headers: { origin: hub.url },
    })
    t.equal(asked.status, 403, `${method} ${path}`)
  }
  await hub.api('POST', `/app-proposals/${id}/accept`)
  t.match(await ann.open(`${hub.appUrl('shop-cart')}/`), { status: 200, text: 'reached' })
  t.match(await hub.api('GET', '/apps/shop-cart'), {
    metadata: { labels, description: 'The cart' },
    spec: { uri, agents: [agent.hostname] },
  })
  await untilListed('shop-plain pending')
  t.match(await record('accepted'), [{ app: 'shop-cart', agent: agent.hostname, user: 'operator@socket' }])
  t.match(await hub.api('GET', '/audit?type=app.created&app=shop-cart'), [{ user: 'operator@socket' }])
})

t.test('U230 a changed proposal is a new one, and an accepted app stays as it is', async (t) => {
  const id = await idOf('shop-plain')
  propose([
    { name: 'shop-plain', uri: 'http://127.0.0.1:2' },
    { name: 'shop-cart', uri: 'http://127.0.0.1:2', labels },
  ])
  await until(async () => (await idOf('shop-plain')) !== id, 'the changed proposal')
  await t.rejects(hub.api('POST', `/app-proposals/${id}/accept`), { code: 'app_proposal_not_found' })
  t.match(await hub.api('GET', '/apps/shop-cart'), { spec: { uri } })
  t.match(await record('withdrawn'), [{ app: 'shop-plain', uri }])
})

t.test('a refused app is not proposed again until somebody removes the refusal', async (t) => {
  await hub.api('POST', `/app-proposals/${await idOf('shop-plain')}/refuse`)
  const id = await idOf('shop-plain')
  await t.rejects(hub.api('POST', `/app-proposals/${id}/accept`), { code: 'app_proposal_refused' })
  propose([
    { name: 'shop-plain', uri },
    { name: 'shop-next', uri },
  ])
  await untilListed('shop-next pending,shop-plain refused')
  propose([{ name: 'shop-plain', uri }])
  await untilListed('shop-plain refused')
  await hub.api('DELETE', `/app-proposals/${id}`)
  propose([
    { name: 'shop-plain', uri },
    { name: 'shop-last', uri },
  ])
  await untilListed('shop-last pending,shop-plain pending')
  t.match(await record('refused'), [{ user: 'operator@socket' }])
  t.match(await record('removed'), [{ app: 'shop-plain' }])
})

t.test('commands list, accept, refuse and remove', async (t) => {
  const file = join(folder, 'rule.yaml')
  writeFileSync(
    file,
    'kind: app_source\nversion: v1\nmetadata: { name: shop }\nspec:\n  agents: ["node-*"]\n  names: ["shop-*"]\n  max_apps: 6\n',
  )
  const [last, plain] = [await idOf('shop-last'), await idOf('shop-plain')]
  const env = { MEZITE_DATA_DIR: hub.dataDir }
  const [created, rules, ls, json, accepted, refused, again, removed] = await runLines(
    [
      `app-sources create --from-file ${file}`,
      'app-sources ls',
      'app-proposals ls',
      'app-proposals ls --json',
      `app-proposals accept ${last}`,
      `app-proposals refuse ${plain}`,
      `app-proposals accept ${last}`,
      `app-proposals rm ${plain} --yes`,
    ],
    env,
  )
  t.match(created, { code: 0, out: /shop/ })
  t.match(rules!.out, /shop +node-\* +shop-\* +6 +ask/)
  t.match(ls!.out, new RegExp(`${last} +shop-last +${uri} +node-1`))
  t.match(JSON.parse(json!.out), [{ name: 'shop-last' }, { name: 'shop-plain' }])
  t.match(accepted, { code: 0, out: 'Registered app shop-last.\n' })
  t.match(refused, { code: 0, out: 'Refused app shop-plain of node-1.\n' })
  t.match(again, { code: 1, err: /app_proposal_not_found/ })
  t.match(removed, { code: 0, out: `Removed proposal ${plain}.\n` })
})

t.test('U231 a rule accepts apps at once, up to its limit, and only of its agents', async (t) => {
  const apps = Array.from({ length: 100 }, (_, at) => ({ name: `shop-auto-${at}`, uri, labels }))
  propose([{ name: 'shop-wrong', uri: 'gopher://127.0.0.1:70' }, ...apps])
  await untilListed('shop-wrong pending')
  const spec = { names: ['shop-*'], labels: { conform: ['*'] }, max_apps: 4, accept: 'always' }
  await rule('shop', { ...spec, agents: ['node-*'] })
  const registered = async () =>
    (await hub.api<{ metadata: { name: string } }[]>('GET', '/apps')).map(({ metadata }) => metadata.name)
  await until(async () => (await registered()).includes('shop-auto-0'), 'an app is accepted')
  await untilListed('shop-wrong pending')
  await until(async () => (await listed())[0]?.problem !== null, 'the problem of the other one')
  t.match(await listed(), [{ name: 'shop-wrong', state: 'pending', problem: /spec\.uri/ }])
  t.strictSame(await registered(), ['shop-auto-0', 'shop-cart', 'shop-last', 'shop-taken'])
  t.match(await ann.open(`${hub.appUrl('shop-auto-0')}/`), { status: 200, text: 'reached' })
  t.match(await hub.api('GET', '/audit?type=app.created&app=shop-auto-0'), [{ user: null }])
  await hub.api('DELETE', '/app-sources/shop')
  await untilListed('')
  t.equal(await status('shop-auto-0'), 200, 'registered apps stay')
})

/** A call of the API by somebody who has these roles beside. */
async function callerWith(name: string, roles: readonly string[]) {
  const visitor = await bench.person(name, ['reaches'])
  await hub.api('PATCH', `/users/${name}%40example.com`, { roles })
  const [, token] = /__Host-mezite_session=([\w-]+)/.exec(visitor.cookies(new URL(hub.url).host) ?? '') ?? []
  return async (method: string, path: string, body?: object) => {
    const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/webapi${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    return { status, code: (JSON.parse(text) as { code?: string }).code }
  }
}

t.test(
  'nobody gives rights over an app by accepting its labels, nor by a rule that accepts them',
  async (t) => {
    const role = (name: string, admin: object) =>
      hub.api('PUT', `/roles/${name}`, {
        ...{ kind: 'role', version: 'v1', metadata: { name } },
        spec: { allow: { admin: [admin] } },
      })
    await role('boss', { kinds: ['app'], verbs: ['delete'], where: { labels: { boss: '{{user.name}}' } } })
    await role('reviews', { kinds: ['proposal'], verbs: ['*'] })
    await role('rules', { kinds: ['app_source'], verbs: ['*'] })
    await role('apps', { kinds: ['app'], verbs: ['*'] })
    const owned = { agents: ['node-*'], names: ['owned-*'], labels: { boss: ['*'], tier: ['one'] } }
    await rule('owned', owned)
    propose([
      { name: 'owned-app', uri, labels: { boss: 'mallory@example.com' } },
      { name: 'owned-plain', uri, labels: { tier: 'one' } },
    ])
    await untilListed('owned-app pending,owned-plain pending')

    const mallory = await callerWith('mallory', ['boss', 'reviews', 'rules'])
    const [own, plain] = [await idOf('owned-app'), await idOf('owned-plain')]
    const accepted = (call: typeof mallory, id: string) => call('POST', `/app-proposals/${id}/accept`)
    const lone = await callerWith('lone', ['reviews'])
    t.match(
      await accepted(lone, own),
      { status: 403, code: 'roles_exceed_own' },
      'mallory could remove the app',
    )
    t.equal(await names(), 'owned-app pending,owned-plain pending')
    t.match(await accepted(lone, plain), { status: 200 }, 'no rule of a role is about this label')

    const document = (spec: object) => ({
      kind: 'app_source',
      version: 'v1',
      metadata: { name: 'mine' },
      spec,
    })
    const put = (call: typeof mallory, spec: object) => call('PUT', '/app-sources/mine', document(spec))
    const always = { ...owned, accept: 'always' }
    t.match(await put(mallory, always), { status: 403, code: 'roles_exceed_own' })
    t.match(await put(mallory, owned), { status: 201 }, 'somebody else decides about each app')
    t.match(
      await put(mallory, { ...always, labels: {} }),
      { status: 200 },
      'without labels, it gives nobody a right',
    )
    t.match(await put(mallory, always), { status: 403, code: 'roles_exceed_own' })
    t.equal(await names(), 'owned-app pending', 'the hub accepts nothing by a rule that was refused')
    const admin = await callerWith('olga', ['rules', 'apps'])
    t.match(await put(admin, always), { status: 200 }, 'who has all rights over apps may give them')
    await untilListed('')
    t.match(await mallory('DELETE', '/apps/owned-app'), { status: 200 })

    for (const name of ['owned', 'mine']) await hub.api('DELETE', `/app-sources/${name}`)
    await hub.api('DELETE', '/apps/owned-plain')
    propose([])
  },
)

t.test('U231 an address that the agent must not dial is not reached through a proposal', async (t) => {
  await rule('shop', { agents: ['node-1'], names: ['meta'], labels: { conform: ['yes'] } })
  propose([{ name: 'meta', uri: 'http://169.254.169.254', labels }])
  await untilListed('meta pending')
  const id = await idOf('meta')
  await hub.api('POST', `/app-proposals/${id}/accept`)
  t.equal(await status('meta'), 502)
  t.match(await hub.api('GET', '/apps/meta'), { status: { agents: [{ last_error: 'target_not_allowed' }] } })
})

t.test('an app of a disconnected agent is not accepted', async (t) => {
  await rule('shop', { agents: ['node-1'], names: ['shop-*'] })
  propose([{ name: 'shop-away', uri }])
  await untilListed('shop-away pending')
  await agent.stop()
  await until(
    async () => !(await hub.api<{ connected: boolean }>('GET', '/agents/node-1')).connected,
    'it is away',
  )
  const id = await idOf('shop-away')
  await t.rejects(hub.api('POST', `/app-proposals/${id}/accept`), { code: 'agent_not_connected' })
  t.equal(await names(), 'shop-away pending')
})
