// together: hubs
/** What a hub makes of plugins whose answers are wrong, hostile or cut short. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineHubPlugin, Problem, requirements, signInDesk, Type, type Vote, webRoutes } from '@mezite/core'
import t from 'tap'
import type { HeaderLines } from '../../core/api/http-hooks.ts'
import type { Link } from '../../core/api/tunnel.ts'
import { keepRules, makeEvent } from '../../core/state/audit/event-factory.ts'
import { createTestHub, FakeIssuer, fakeClock } from '../../core/testing/index.ts'
import { challengeThrough } from '../../core/web/desk/refusals.ts'
import { sessionTerms } from '../../core/web/desk/sign-in-desk.ts'
import { connect, register } from '../e2e/resources.ts'
import { startAgent } from '../e2e/start-agent.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-answers-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** The answers of the plugins below. */
const answers: {
  challenge?: boolean
  forward?: (lines: HeaderLines) => unknown
  decide?: (vote: Vote) => void
  route?: (links: readonly Link[]) => unknown
  refuse?: (refuse: (reason: string, message?: string) => void) => void
} = {}
const hostile = defineHubPlugin({
  name: 'hostile',
  api: 1,
  summary: 'Answers as the test says',
  setup({ tap }) {
    tap.http.request((request, { refuse }) => {
      answers.refuse?.(refuse)
      const headers = answers.forward?.(request.headers)
      return headers === undefined ? undefined : { ...request, headers: headers as HeaderLines }
    })
    tap.access.decide((_query, vote) => answers.decide?.(vote))
    tap.tunnel.route((links) => answers.route?.(links) as readonly Link[])
  },
})

let patience: number | undefined
/** Passes on what it receives: a fault of another plugin is not its own. */
const honest = defineHubPlugin({
  name: 'honest',
  api: 1,
  summary: 'Copies each request',
  config: Type.Object({ patience: Type.Duration() }, { additionalProperties: false }),
  setup({ config, tap }) {
    patience = config.patience
    tap.http.request((request) => ({ ...request, headers: [...request.headers] }), { stage: 'late' })
  },
})

/** A requirement of a third party, with the page that meets it. */
const terms = defineHubPlugin({
  name: 'terms',
  api: 1,
  summary: 'People accept the terms of use for each app',
  needs: { signInDesk },
  provides: { requirements, webRoutes },
  setup({ clock, tap, use, provide }) {
    provide.requirements({
      name: 'terms-of-use',
      reason: 'terms_not_accepted',
      title: 'Accept the terms of use',
      detail: 'Sign the <b>paper</b> at the reception.',
    })
    tap.access.challenge(({ requirement, state }) =>
      answers.challenge && requirement.name === 'terms-of-use'
        ? { location: `/web/terms?state=${encodeURIComponent(state)}` }
        : null,
    )
    provide.webRoutes({
      name: 'terms',
      prefix: '/web/terms',
      async routes(web) {
        web.get<{ Querystring: { state: string } }>(
          '/',
          { config: { access: 'page' } },
          async (request, reply) => {
            const session = await use.signInDesk.sessionOf(request)
            if (!session) throw new Problem(401, 'login_required', 'Sign in first.')
            const satisfied = { name: 'terms-of-use', level: 'click', at: clock.now() }
            const { state } = request.query
            return reply.redirect(await use.signInDesk.meet(request, { session, state, satisfied }), 303)
          },
        )
      },
    })
  },
})

/** Requests that reached the app: their header lines, doubles too, and in one object. */
const seen: { raw: readonly string[]; headers: IncomingHttpHeaders }[] = []
/** Responses that the app holds back. */
const held: ServerResponse[] = []
const server = createServer((request, response) => {
  seen.push({ raw: request.rawHeaders, headers: request.headers })
  if (request.url === '/held') held.push(response)
  else response.end('hello')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  server.close()
  server.closeAllConnections()
})
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({ plugins: [hostile, { plugin: honest, config: { patience: '2m' } }, terms] })
t.teardown(() => hub.stop())
await connect(hub.api, issuer)
await register(hub.api, 'app', (server.address() as AddressInfo).port, { agents: ['node-1'] })
const agent = await startAgent({ hostname: 'node-1', proxy: new URL(hub.url).host, api: hub.api, dir })
t.teardown(() => agent.stop())
const app = hub.appUrl('app')
const alice = hub.visitor()
if ((await alice.open(`${app}/`)).status !== 200) throw new Error('alice is not let in')

async function ask(): Promise<{ status: number; code: string | null; reached: number }> {
  const before = seen.length
  const { status, text } = await alice.fetch(`${app}/`, { headers: { accept: 'application/json' } })
  const code = status < 400 ? null : (JSON.parse(text) as { code: string }).code
  return { status, code, reached: seen.length - before }
}
t.afterEach(() => {
  for (const key of Object.keys(answers)) delete answers[key as keyof typeof answers]
})

t.test('a plugin of a test hub receives its configuration decoded', async (t) => {
  t.equal(patience, 120_000)
})

t.test('Q187 http.request: reserved names, framing and malformed headers reach no app', async (t) => {
  const reserved = [
    ...['X-Mezite-User', 'x-mezite-roles', 'Mezite-Jwt-Assertion', 'X_Mezite_User', 'X.Mezite.User'],
    ...['X-Forwarded-For', 'Forwarded', 'X-Request-Id', 'X-Real-IP', 'Host', 'Connection', 'Upgrade'],
    ...['Content-Length', 'Transfer-Encoding', 'TE', 'Expect', 'Keep-Alive', 'Proxy-Authorization'],
    ...['', 'X A', 'X-A:', 'X-A\r\nX-Mezite-User'],
  ]
  for (const name of reserved) {
    answers.forward = (lines) => [...lines, name, 'root']
    t.match(await ask(), { status: 500, code: 'forward_refused', reached: 0 }, JSON.stringify(name))
  }
  t.match(
    hub.log.join('\n'),
    /plugin 'hostile' failed in http.request: it may not set the header \\?"X-Real-IP/,
  )
  for (const value of ['a\r\nX-Mezite-User: root', 'a\nb', 'a\0b', '\u{1F600}']) {
    answers.forward = (lines) => [...lines, 'X-A', value]
    t.match(await ask(), { status: 500, code: 'forward_refused', reached: 0 }, JSON.stringify(value))
  }
  const shapes: unknown[] = [{}, 'X-A: b', 7, ['X-A'], ['X-A', 1], [['X-A', 'b'], 'c'], { length: 2 }, ask()]
  for (const shape of shapes) {
    answers.forward = () => shape
    t.match(await ask(), { status: 500, code: 'forward_failed', reached: 0 }, String(shape))
  }
  answers.forward = (lines) => void (lines as string[]).push('X-Mezite-User', 'root')
  t.match(await ask(), { status: 500, code: 'forward_failed', reached: 0 }, 'changed in place')
  answers.forward = () => {
    throw new Error('boom')
  }
  t.match(await ask(), { status: 500, code: 'forward_failed', reached: 0 })
})

t.test(
  'Q187 http.request: other headers are added and removed, those of the hub stay as they are',
  async (t) => {
    answers.forward = (lines) => [...lines, 'X-Team', 'blue', '__proto__', 'x', 'constructor', 'y']
    t.match(await ask(), { status: 200, reached: 1 })
    const { raw, headers } = seen.at(-1)!
    t.equal(headers['x-team'], 'blue')
    t.equal(headers.accept, 'application/json')
    for (const name of ['mezite-jwt-assertion', 'x-mezite-user', 'x-mezite-roles', 'x-request-id'])
      t.equal(raw.filter((text) => text.toLowerCase() === name).length, 1, name)
    t.equal(headers['x-mezite-user'], 'alice@example.com')
    answers.forward = () => []
    t.match(await ask(), { status: 200, reached: 1 })
    t.equal(seen.at(-1)!.headers.accept, undefined)
    t.equal(seen.at(-1)!.headers['x-mezite-user'], 'alice@example.com')
  },
)

t.test('the reason and link of a policy are shown on both pages and to programs', async (t) => {
  const [message, link] = ['Closed for <the> night.', 'https://wiki.example.com/hours?a=1&b=2']
  answers.decide = (vote) => vote.deny('outside_office_hours', { message, link })
  const { status, text } = await alice.fetch(`${app}/`, { headers: { accept: 'application/json' } })
  t.equal(status, 403)
  const document = JSON.parse(text) as { code: string; detail: string; link: string }
  t.match(document, { code: 'outside_office_hours', link })
  t.ok(document.detail.includes(message))
  const launch = `${hub.signInUrl}/web/launch?host=${new URL(app).host.split(':')[0]}&path=/&nonce=${'n'.repeat(43)}`
  for (const url of [`${app}/`, launch]) {
    const page = await alice.open(url)
    t.equal(page.status, 403)
    for (const part of ['outside_office_hours', 'Closed for', 'wiki.example.com/hours'])
      t.ok(page.text.includes(part), `${url}: ${part}`)
    t.notMatch(page.text, '<the>')
    t.match(page.text, /<a [^>]*href="https:\/\/wiki\.example\.com\/hours\?a=1&(?:amp|#38);b=2"/)
  }
})

t.test('Q187 access.decide denies after an invalid vote', async (t) => {
  for (const role of ['__proto__', 'a,b', 'a\r\nb', '', undefined, { toString: () => 'access' }]) {
    answers.decide = (vote) => vote.allow(role as string)
    t.match(await ask(), { status: 403, code: 'policy_failed', reached: 0 }, `allow ${String(role)}`)
  }
  for (const demand of [null, 7, {}, { name: '__proto__' }, { name: 'a b' }, { name: 7 }]) {
    answers.decide = (vote) => vote.require(demand as never)
    t.match(await ask(), { status: 403, code: 'policy_failed', reached: 0 }, JSON.stringify(demand))
  }
  for (const details of [
    ...[{ message: 7 }, { message: 'x'.repeat(1_025) }, { link: 7 }, { link: 'javascript:alert(1)' }],
    ...[{ link: 'http://wiki.example.com' }, { link: '/relative' }, { link: `https://${'x'.repeat(2_048)}` }],
  ]) {
    answers.decide = (vote) => vote.deny('closed', details as never)
    t.match(
      await ask(),
      { status: 403, code: 'policy_failed', reached: 0 },
      JSON.stringify(details).slice(0, 60),
    )
  }
  for (const reason of ['Bad\r\nreason', 'not-snake', 'Closed', '', 7, '__proto__']) {
    answers.decide = (vote) => vote.deny(reason as string)
    t.match(await ask(), { status: 403, code: 'policy_failed', reached: 0 }, `deny ${String(reason)}`)
  }
  const unusable: ((vote: Vote) => void)[] = [
    (vote) => vote.deny('not-snake'),
    (vote) => vote.deny('closed', { link: 'javascript:alert(1)' }),
    (vote) => vote.require({ name: 'Not a name' } as never),
  ]
  for (const cast of unusable) {
    answers.decide = (vote) => {
      try {
        cast(vote)
      } catch {
        vote.allow('access')
      }
    }
    t.match(await ask(), { status: 403, code: 'policy_failed', reached: 0 }, 'the tap swallows the error')
  }
  for (const name of ['constructor', 'to-string']) {
    answers.decide = (vote) => vote.require({ name } as never)
    t.match(await ask(), { status: 403, code: 'policy_failed', reached: 0 }, 'no plugin has registered it')
  }
  delete answers.decide
  t.match(await ask(), { status: 200 })
})

t.test('Q187 tunnel.route reorders and drops agents, but cannot add one', async (t) => {
  for (const route of [
    () => [],
    () => 'node-1',
    () => ({}),
    () => 7,
    () => [{ hostname: 'node-1' }, null],
    (links: readonly Link[]) => void (links as Link[]).push({} as Link),
    async () => [],
    () => {
      throw new Error('boom')
    },
  ]) {
    answers.route = route
    t.match(await ask(), { status: 502, code: 'agent_none', reached: 0 }, String(route))
  }
  answers.route = (links) => [...links, ...links]
  t.match(await ask(), { status: 200, reached: 1 })
  t.ok(
    hub.log.some((line) => line.includes('tunnel.route failed')),
    'the operator is told',
  )
})

t.test('a requirement of a plugin denies until it is met, for one app, and is listed', async (t) => {
  answers.decide = (vote) => vote.require({ name: 'terms-of-use' })
  const refused = await alice.open(`${app}/`)
  t.equal(refused.status, 403)
  t.match(refused.text, /<h1>Accept the terms of use<[\s\S]*Sign the &lt;b>paper[\s\S]*terms_not_accepted/)
  t.match(await ask(), { code: 'terms_not_accepted', reached: 0 })
  answers.challenge = true
  const before = seen.length
  const met = await alice.open(`${app}/`)
  t.strictSame([met.status, met.text, seen.length - before], [200, 'hello', 1])
  t.match(await ask(), { status: 200, reached: 1 }, 'the app session keeps it')
  const sessions = await hub.api<{ mfa: boolean }[]>('GET', '/sessions')
  t.notOk(
    sessions.some(({ mfa }) => mfa),
    'only a kind with `mfa` counts as such',
  )
  answers.decide = (vote) => vote.require({ name: 'retina-scan' })
  t.match(await ask(), { status: 403, code: 'policy_failed', reached: 0 })
  t.ok(
    hub.log.some((line) => /registered: .*terms-of-use/.test(line)),
    'the log names what is registered',
  )
})

t.test('two plugins that register the same requirement stop the start', async (t) => {
  const twin = defineHubPlugin({
    name: 'twin',
    api: 1,
    summary: 'Claims a name of rbac',
    provides: { requirements },
    setup: ({ provide }) =>
      provide.requirements({
        name: 'session-mfa',
        reason: 'x',
        title: 'x',
        detail: 'x',
        isMetBy: () => true,
      }),
  })
  await t.rejects(createTestHub({ plugins: [twin] }), { code: 'MEZ_SERVICE_TWICE' })
})

t.test('Q187 access.challenge leads to the sign-in host or to another https URL', async (t) => {
  const origin = 'https://hub.test:8443'
  let answer: unknown
  const through = challengeThrough(
    Object.assign(async () => answer as never, { empty: false, pure: false }),
    origin,
  )
  const led = (location: unknown) => {
    answer = location === null ? null : { location }
    return through({} as never)
  }
  t.equal(await led(null), null)
  for (const good of ['/web/x?state=1', `${origin}/web/x`, 'https://idp.test/saml?a=b'])
    t.strictSame(await led(good), { location: good })
  for (const bad of [
    ...[
      'javascript:alert(1)',
      'data:text/html,x',
      '//evil.test',
      '/\\evil.test',
      '\\\\evil.test',
      'web/x',
      '',
    ],
    ...[
      'http://idp.test/',
      'https:idp.test',
      'https://a.test/\r\nSet-Cookie: a=b',
      ' /web',
      '/web x',
      7,
      undefined,
    ],
    ...['https://', `/${'a'.repeat(9_000)}`],
  ])
    await t.rejects(led(bad), { code: 'MEZ_HOOK_FAILED' }, String(bad).slice(0, 40))
})

t.test('Q187 sessionLimits with an invalid limit opens no session', (t) => {
  const terms = (ttlMs: unknown, idleMs: unknown) =>
    sessionTerms(
      {
        sessionLimits: () => ({ ttlMs: () => ttlMs as number, idleMs: () => idleMs as number }),
        clock: fakeClock(1_000),
      },
      [],
    )
  t.strictSame(terms(5_000, 0), { expires: 6_000, idleMs: 0 })
  t.equal(
    terms(Number.POSITIVE_INFINITY, 60).expires,
    1_000 + 12 * 3_600_000,
    'never longer than the hub says',
  )
  for (const wrong of [Number.NaN, -1, '12h', null, undefined, {}]) {
    t.throws(() => terms(wrong, 0), { code: 'MEZ_HOOK_FAILED' }, String(wrong))
    t.throws(() => terms(5_000, wrong), { code: 'MEZ_HOOK_FAILED' }, String(wrong))
  }
  t.end()
})

t.test('Q187 audit.event cannot lose an event or change its type', (t) => {
  const event = makeEvent(
    { type: 'app.request', success: true, user: 'ann', fields: { app: 'a' } },
    { cluster: 'c', hub: 'h' },
    0,
  )
  const changed = keepRules(event, {
    ...event,
    id: 'x',
    type: 'y',
    time: 'z',
    hub: 'other',
    ['__proto__']: { admin: true },
    ...JSON.parse('{"__proto__":{"admin":true},"Upper":1,"a b":2}'),
    constructor: 'c',
  })
  for (const name of ['id', 'type', 'time', 'hub'] as const) t.equal(changed[name], event[name], name)
  t.equal((changed as { admin?: unknown }).admin, undefined)
  t.notOk(
    Object.hasOwn(changed, 'Upper') || Object.hasOwn(changed, 'a b') || Object.hasOwn(changed, '__proto__'),
  )
  const added = keepRules(event, { country: 'NL' } as never)
  t.match(added, { user: 'ann', success: true, country: 'NL' }, 'who did what is not lost by what is added')
  t.notOk(Object.hasOwn(added, 'app'), 'but fields of its own can be taken away')
  t.match(keepRules(event, { ...event, user: null }), { user: null }, 'and a name')
  for (const wrong of ['text', 7, true, () => event])
    t.throws(
      () => keepRules(event, wrong as never),
      TypeError,
      'the event as it was is taken, without free text',
    )
  t.end()
})

t.test('O180 the error of a failing plugin is not shown to anybody', async (t) => {
  answers.forward = () => {
    throw new Error('cannot read /etc/mezite/secret of 10.1.2.3')
  }
  const { status, text } = await alice.fetch(`${app}/`, { headers: { accept: 'application/json' } })
  t.equal(status, 500)
  t.match(JSON.parse(text), { code: 'forward_failed' })
  t.notMatch(text, /secret|10\.1\.2\.3|hostile|\bat .*\.ts/)
  t.ok(
    hub.log.some((line) => line.includes('/etc/mezite/secret')),
    'the log has it',
  )
})

t.test('a refusal that cannot be sent still refuses, even when its tap catches the error', async (t) => {
  for (const [reason, message] of [['Not Snake Case'], ['ok', 'x'.repeat(1_025)], [7], ['ok', 7]] as const) {
    answers.refuse = (refuse) => {
      try {
        refuse(reason as string, message as string)
      } catch {}
    }
    t.match(await ask(), { status: 500, code: 'forward_failed', reached: 0 }, `${reason}`)
  }
  answers.refuse = (refuse) => refuse('path_blocked', 'x'.repeat(1_024))
  t.match(await ask(), { status: 403, code: 'path_blocked', reached: 0 })
})

// The last test: the plugin fails every request from here on.
t.test('a refusal after the tap has returned fails its request, and later ones of the plugin', async (t) => {
  let late: (reason: string) => void = () => {}
  answers.refuse = (refuse) => {
    late = refuse
  }
  const response = alice.fetch(`${app}/held`, { headers: { accept: 'application/json' } })
  while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  late('too_late')
  const { status, text } = await response
  t.match([status, JSON.parse(text)], [500, { code: 'forward_failed' }])
  delete answers.refuse
  t.match(await ask(), { status: 500, code: 'forward_failed', reached: 0 })
  const lines = hub.log.filter((line) => /refused .* after its tap had returned/.test(line))
  t.equal(lines.length, 1)
  t.match(lines[0], 'hostile')
})
