/** Rules inside an app in a running hub: refusals, a fresh passkey for one path, and the explanation. */
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { until } from '../../until.ts'
import { startKeyHub } from '../webauthn/key-hub.ts'

const bench = await startKeyHub()
const { hub, clock, person, post, origin } = bench
t.teardown(hub.stop)
const url = hub.appUrl('vault')
await hub.api('PUT', '/roles/dev', {
  kind: 'role',
  version: 'v1',
  metadata: { name: 'dev' },
  spec: {
    allow: {
      app_labels: { tier: 'vault' },
      app_rules: [
        { name: 'read', methods: ['GET', 'HEAD'], paths: ['/**'] },
        { name: 'admin', methods: ['*'], paths: ['/admin/**'], require: { confirm_within: '5m' } },
      ],
    },
    deny: { app_rules: [{ name: 'no-keys', methods: ['*'], paths: ['/admin/keys/**'] }] },
  },
})
const dora = await person('dora', ['dev'])
const json = { accept: 'application/json', origin: url }
const ask = (method: string, path: string) => dora.visitor.fetch(url + path, { method, headers: json })
/** No agent runs: a request that the gate admits ends with 502. */
const ADMITTED = 502

/** Confirms with the passkey on the page to which the browser came, and follows to where it leads. */
async function confirm(page: string) {
  const target = new URL(page).searchParams.get('return') ?? ''
  const begun = await post(dora.visitor, '/web/confirm-action/begin', {})
  const response = dora.key.get(begun.options)
  const done = await post(dora.visitor, '/web/confirm-action/finish', {
    target,
    ceremony: begun.ceremony,
    response,
  })
  return dora.visitor.open(new URL(done.location, origin).href)
}

t.test('a request is decided by its method and path, on the way in too', async (t) => {
  t.equal((await dora.visitor.open(`${url}/deep?x=1`)).status, ADMITTED, 'a launch to a path of a rule')
  t.equal((await ask('GET', '/a/b')).status, ADMITTED)
  t.match(await ask('DELETE', '/a/b'), { status: 403, text: /request_not_allowed/ })
  t.match(await ask('GET', '/a/%25252e'), { status: 400, text: /path_ambiguous/ })
  t.match(await ask('GET', '/x/..%2fadmin/keys'), { status: 403, text: /request_not_allowed/ })
})

t.test('a path that needs a fresh passkey leads there and back, once', async (t) => {
  const early = await dora.visitor.open(`${url}/admin/users`)
  t.equal(early.status, ADMITTED, 'the sign-in with a passkey was a moment ago')
  clock.advance(6 * 60_000)
  await hub.ready()
  t.match(await ask('GET', '/admin/users'), { status: 401, text: /confirmation_required/ })
  const page = await dora.visitor.open(`${url}/admin/users?all=1`)
  t.match(page.url, /\/web\/confirm-action\?return=/)
  const back = await confirm(page.url)
  t.match(back, { status: ADMITTED, url: `${url}/admin/users?all=1` })
  t.equal((await ask('POST', '/admin/users')).status, ADMITTED, 'scripts go on')
  t.equal((await ask('GET', '/x/..%2fadmin/users')).status, ADMITTED, 'each reading is confirmed')
  t.match(await ask('GET', '/admin/keys'), { status: 403 }, 'a denial is not confirmed away')
  clock.advance(4 * 60_000)
  await hub.ready()
  t.equal((await ask('GET', '/admin/users')).status, ADMITTED)
  clock.advance(2 * 60_000)
  await hub.ready()
  t.match(await ask('GET', '/admin/users'), { status: 401, text: /confirmation_required/ })
  t.equal((await ask('GET', '/a')).status, ADMITTED, 'other paths need none')
  const again = await dora.visitor.open(`${url}/admin/users`)
  t.match(again.url, /\/web\/confirm-action\?return=/)
  t.match(await confirm(again.url), { status: ADMITTED })
})

t.test('an administrator sees which rule decides about a request', async (t) => {
  const explain = (query: string) =>
    hub.api<Record<string, unknown>>('GET', `/access/explain?user=dora&app=vault${query}`)
  t.match(await explain('&method=DELETE&path=/a'), {
    effect: 'deny',
    reason: 'request_not_allowed',
    rule: null,
  })
  t.match(await explain('&path=/admin/x'), {
    effect: 'require',
    reason: 'confirmation_required',
    rule: 'dev/admin',
    requirements: [{ name: 'recent-confirmation', met: false }],
  })
  const { votes } = await explain('&path=/x/..%252fadmin/keys')
  const read = { plugin: 'app-rules', role: 'dev', effect: 'allow', matcher: 'app_rules: dev/read' }
  const denial = { ...read, effect: 'deny', matcher: 'app_rules: dev/no-keys', value: 'GET /admin/keys' }
  for (const vote of [{ ...read, value: 'GET /x/../admin/keys' }, denial])
    t.ok(
      (votes as object[]).some((one) => isDeepStrictEqual(one, { label: 'request', ...vote })),
      `${vote.effect} ${vote.value}`,
    )
  t.match(await explain(''), { effect: 'allow' }, 'the whole app')
  t.match(await explain('&path=/a'), { effect: 'allow', rule: 'dev/read' })
  t.match(await explain('&path=/a&upgrade=websocket'), { effect: 'deny', rule: null })
})

t.test('records of requests have the rule that decided', async (t) => {
  const rulesOf = async (type: string, path: string) => {
    const events = await hub.api<{ type: string; path?: string; rule?: string; reason: string }[]>(
      'GET',
      `/audit?${new URLSearchParams({ type, user: 'dora' })}`,
    )
    return events.filter((event) => event.path === path || path === '').map(({ rule }) => rule ?? null)
  }
  await until(
    async () => (await rulesOf('app.request', '/a')).includes('dev/read'),
    'the record of a request',
  )
  t.ok((await rulesOf('access.denied', '')).includes('dev/no-keys'))
  t.ok((await rulesOf('access.denied', '')).includes(null), 'a request that no rule allows')
  t.ok((await rulesOf('request.failed', '/admin/users')).includes('dev/admin'))
})
