// together: plugin-hubs
/** Agents of people: how one comes to act for a person, what it then opens, and all that must end it. */
import { generateKeyPairSync } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import * as jose from 'jose'
import t from 'tap'
import { until } from '../../until.ts'
import { startDeviceHub } from '../devices/device-hub.ts'
import type { Holder } from '../webauthn/key-hub.ts'

const world = await startDeviceHub(t, { config: { 'authorization-server': { enabled: true } } })
const { hub, keys, clock, received, register, role, confirm, ask } = world
const SECRET = /mezite_bot_[A-Za-z0-9_-]{43}/
const FORM = 'application/x-www-form-urlencoded'

await role('wiki', { allow: { app_labels: { env: 'test', part: 'wiki' } } })
await role('safe', { options: { require_session_mfa: true }, allow: { app_labels: { part: 'safe' } } })
await role('denier', { deny: { app_labels: { part: 'wiki' } } })
await register('wiki', { env: 'test', part: 'wiki' })
await register('safe', { part: 'safe' })

const document = (name: string, spec: object) => ({
  kind: 'bot',
  version: 'v1',
  metadata: { name, description: 'An assistant' },
  spec,
})
const put = (name: string, spec: object) => hub.api('PUT', `/bots/${name}`, document(name, spec))
const secretOf = async (name: string) =>
  (await hub.api<{ secret: string }>('POST', `/bots/${name}/secret`)).secret
const setRoles = (user: string, roles: readonly string[]) => hub.api('PATCH', `/users/${user}`, { roles })
const open = ({ visitor }: Pick<Holder, 'visitor'>, path: string) => visitor.open(hub.signInUrl + path)
const post = ({ visitor }: Pick<Holder, 'visitor'>, path: string, fields: Record<string, string> = {}) =>
  visitor.fetch(hub.signInUrl + path, {
    method: 'POST',
    headers: {
      ...{ 'content-type': FORM, accept: 'text/html' },
      ...{ origin: hub.signInUrl, 'sec-fetch-site': 'same-origin' },
    },
    body: new URLSearchParams(fields).toString(),
  })
const seenIn = (text: string) => /name="seen" value="([^"]+)"/.exec(text)?.[1] ?? ''
/** The person looks at the bot, and agrees. */
async function consent(holder: Holder, name: string) {
  await confirm(holder)
  const { text } = await open(holder, `/web/agents/${name}`)
  return post(holder, `/web/agents/${name}/consent`, { seen: seenIn(text) })
}

/** An agent that the person makes under "My account". */
async function make(holder: Holder, name: string, roles: readonly string[]) {
  await confirm(holder)
  const fields = Object.fromEntries(roles.map((one) => [`role.${one}`, 'on']))
  const page = await post(holder, '/web/agents', { name, ...fields })
  const secret = SECRET.exec(page.text)?.[0] ?? ''
  const full = /bot:([a-z0-9-]+)/.exec(page.text)?.[1] ?? ''
  return { page, name: full, secret }
}

async function token(name: string, secret: string, app = 'wiki') {
  const { status, text } = await hub.visitor().fetch(`${hub.url}/v1/oauth/token`, {
    method: 'POST',
    headers: { 'content-type': FORM },
    body: new URLSearchParams({
      ...{ grant_type: 'client_credentials', client_id: `bot:${name}`, client_secret: secret },
      resource: `${hub.appUrl(app)}/`,
    }).toString(),
  })
  const body = JSON.parse(text) as Readonly<Record<string, string>>
  return { status, body, bearer: { authorization: `Bearer ${body.access_token}` } }
}

const asks = async (bearer: Record<string, string>, app = 'wiki') => {
  const { status, text } = await ask(app, '/', { ...bearer, accept: 'application/json' })
  return `${status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? text}`
}

/** A stream that ends only when it is cut. */
async function drip(bearer: Record<string, string>): Promise<{ readonly gone: () => boolean }> {
  const response: IncomingMessage = await hub
    .visitor()
    .stream(`${hub.appUrl('wiki')}/drip`, { headers: bearer })
  let over = false
  response
    .on('error', () => {})
    .once('close', () => {
      over = true
    })
  response.resume()
  return { gone: () => over }
}

const ann = await keys.person('ann@example.com', ['wiki', 'safe'])
const AS_ANN = '200 for ann@example.com'

t.test('a bot that acts for somebody is a bot, and a person', async (t) => {
  for (const [name, spec, why] of [
    ['admin of itself', { acts_for: 'ann@example.com', api: true }, /acts_for/],
    ['an agent of a bot', { acts_for: 'bot:ci' }, /a person/],
    ['in other letters', { acts_for: 'BOT:ci' }, /a person/],
    ['an agent of a token', { acts_for: 'token:ci' }, /a person/],
    ['nobody', { acts_for: '' }, /acts_for/],
    ['no rate', { acts_for: 'ann@example.com', requests_per_minute: 0 }, /requests_per_minute/],
  ] as const)
    await t.rejects(put('wrong', { roles: ['wiki'], ...spec }), why, name)
})

t.test('an operator makes one, and it counts only once the person has agreed to all of it', async (t) => {
  await put('helper', { roles: ['wiki', 'staff'], acts_for: 'ann@example.com' })
  const secret = await secretOf('helper')
  t.match(await token('helper', secret), {
    status: 400,
    body: { error_description: /bot_without_consent/ },
  })
  const checked = () =>
    hub
      .api<{ bots: object[] }>('POST', '/programs/check', { token: secret, bot: 'helper' })
      .then(({ bots }) => bots[0])
  t.match(await checked(), { accepted: false, reason: 'bot_without_consent' }, 'the doctor says so too')
  const account = await open(ann, '/web/account')
  t.match(account.text, /data-agent="helper"/)
  const page = await open(ann, '/web/agents/helper')
  t.match(page.text, /wiki, staff/)
  // Another person cannot agree, nor see it.
  const bob = await keys.person('bob@example.com', ['wiki'])
  t.equal((await open(bob, '/web/agents/helper')).status, 404)
  await confirm(bob)
  t.equal((await post(bob, '/web/agents/helper/consent', { seen: seenIn(page.text) })).status, 404)
  clock.advance(6 * 60_000)
  await hub.ready()
  const unconfirmed = await post(ann, '/web/agents/helper/consent', { seen: seenIn(page.text) })
  t.match(unconfirmed.headers.location, /confirm-action/, 'without a passkey it leads to one')
  // The operator changes it while the person looks at it.
  await put('helper', { roles: ['wiki', 'staff', 'safe'], acts_for: 'ann@example.com' })
  await confirm(ann)
  t.equal((await post(ann, '/web/agents/helper/consent', { seen: seenIn(page.text) })).status, 409)
  const agreed = await consent(ann, 'helper')
  t.match(agreed.headers.location, /account#agents/)
  const { bearer } = await token('helper', secret)
  t.equal(await asks(bearer), AS_ANN, 'the application sees the person')
  for (const [what, change] of [
    ['roles', () => put('helper', { roles: ['wiki'], acts_for: 'ann@example.com' })],
    ['a proof', () => secretOf('helper')],
  ] as const) {
    await change()
    t.equal(await asks(bearer), '401 session_ended', `${what}: new consent`)
    t.match(await token('helper', secret), { status: /40[01]/ })
    await consent(ann, 'helper')
    t.equal(await asks(bearer), '401 session_ended', 'what was open before stays closed')
  }
  await put('helper', { roles: ['wiki'] })
  t.match(
    await hub.api('GET', '/bots/helper'),
    { status: { secret_created: null } },
    'its own secret is another',
  )
  await hub.api('DELETE', '/bots/helper')
})

t.test('a person makes one with roles of theirs, and each confirmation counts once', async (t) => {
  await confirm(ann)
  t.equal(
    (await post(ann, '/web/agents', { name: 'mine', 'role.staff': 'on' })).status,
    400,
    'a role of others',
  )
  t.equal((await post(ann, '/web/agents', { name: 'mine', 'role.admin': 'on' })).status, 400)
  t.equal((await post(ann, '/web/agents', { name: '<b>', 'role.wiki': 'on' })).status, 400)
  const { page, name, secret } = await make(ann, 'mine', ['wiki'])
  t.equal(page.status, 200)
  t.match(name, /^mine-[0-9a-f]{8}$/)
  t.match(page.headers['cache-control'], /no-store/)
  t.match(
    (await post(ann, '/web/agents', { name: 'more', 'role.wiki': 'on' })).headers.location,
    /confirm-action/,
  )
  t.notMatch((await open(ann, '/web/account')).text, SECRET, 'its secret is shown once')
  t.equal(await asks((await token(name, secret)).bearer), AS_ANN)
  await confirm(ann)
  const renewed = await post(ann, `/web/agents/${name}/secret`)
  const next = SECRET.exec(renewed.text)?.[0] ?? ''
  t.match(await token(name, secret), { status: 401 })
  const { bearer } = await token(name, next)
  const stream = await drip(bearer)
  t.equal((await post(ann, `/web/agents/${name}/remove`)).status, 303)
  await until(stream.gone, 'its stream is cut')
  t.match(await token(name, next), { status: 401 })
  t.notMatch((await open(ann, '/web/account')).text, name)
})

t.test('it may do what both may, at each moment', async (t) => {
  const { name, secret } = await make(ann, 'both', ['wiki', 'safe'])
  const { bearer } = await token(name, secret)
  t.equal(await asks(bearer), AS_ANN)
  const claims = jose.decodeJwt(String(received.at(-1)?.headers['mezite-jwt-assertion']))
  t.match(claims, { sub: 'ann@example.com', act: { sub: `bot:${name}` }, roles: ['safe', 'wiki'] })
  t.equal(received.at(-1)?.headers['x-mezite-roles'], 'safe,wiki')
  t.match(await token(name, secret, 'safe'), { status: 400 }, 'what needs a passkey stays closed')
  t.match(await token(name, secret, 'one'), { status: 400 }, 'what the person may not open')
  const explain = (app: string) =>
    hub.api<Record<string, unknown>>('GET', `/access/explain?user=bot:${name}&app=${app}&way=api`)
  t.match(await explain('wiki'), { effect: 'allow', acts_for: { user: 'ann@example.com', effect: 'allow' } })
  t.match(await explain('safe'), { effect: 'deny', reason: 'session_mfa_required' })
  t.match(await explain('one'), { effect: 'deny' })
  for (const [what, roles, code] of [
    ['a role is removed', ['safe'], 'label_mismatch'],
    ['a rule denies', ['wiki', 'denier'], 'label_denied'],
    ['no role is left', [], 'role_missing'],
  ] as const) {
    await setRoles('ann@example.com', ['wiki', 'safe'])
    await until(async () => (await asks(bearer)) === AS_ANN, 'it is allowed')
    const stream = await drip(bearer)
    await setRoles('ann@example.com', roles)
    await until(stream.gone, `${what}: its stream is cut`)
    t.equal(await asks(bearer), `403 ${code}`, what)
    t.match(await explain('wiki'), { effect: 'deny', reason: code })
  }
  await setRoles('ann@example.com', ['wiki', 'safe'])
  const stream = await drip(bearer)
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'ann@example.com' } })
  await until(stream.gone, 'its person is locked')
  t.equal(await asks(bearer), '403 locked')
  t.match(await token(name, secret), { status: 400, body: { error_description: /locked/ } })
  await hub.api('DELETE', `/locks/${id}`)
  await until(async () => (await asks(bearer)) === AS_ANN, 'the lock is removed')
  const seen = async (type: string) =>
    (await hub.api<Record<string, unknown>[]>('GET', `/audit?type=${type}&limit=200`)).filter(
      ({ user, acts_for }) => user === `bot:${name}` && acts_for === 'ann@example.com',
    ).length > 0
  for (const type of ['app.request', 'access.denied', 'token.issued', 'user.login.failed'])
    await until(() => seen(type), `${type} names both`)
})

t.test('it never calls the API, and gets a certificate for applications alone', async (t) => {
  await hub.api('POST', '/users', { name: 'other-admin', roles: ['admin'] })
  await setRoles('ann@example.com', ['wiki', 'admin'])
  await put('cert', { roles: ['admin', 'wiki'], acts_for: 'ann@example.com' })
  const secret = await secretOf('cert')
  await consent(ann, 'cert')
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { text, status } = await hub.visitor().fetch(`${hub.url}/v1/webapi/user-certs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ bot: 'cert', secret },
      public_key: publicKey.export({ type: 'spki', format: 'pem' }),
    }),
  })
  t.equal(status, 200, text)
  const { token } = JSON.parse(text) as { token: string }
  const call = async (path: string) =>
    (
      await hub
        .visitor()
        .fetch(`${hub.url}/v1/webapi${path}`, { headers: { authorization: `Bearer ${token}` } })
    ).status
  t.strictSame([await call('/me'), await call('/users'), await call('/bots')], [200, 403, 403])
  await setRoles('ann@example.com', ['wiki', 'safe'])
  await hub.api('DELETE', '/bots/cert')
})

t.test('it sends as many requests a minute as its document allows', async (t) => {
  await put('busy', { roles: ['wiki'], acts_for: 'ann@example.com', requests_per_minute: 3 })
  const secret = await secretOf('busy')
  await consent(ann, 'busy')
  const { bearer } = await token('busy', secret)
  const answers: string[] = []
  for (let i = 0; i < 5; i++) answers.push(await asks(bearer))
  t.strictSame(answers, [...Array(3).fill(AS_ANN), ...Array(2).fill('429 bot_request_limit')])
  clock.advance(61_000)
  await hub.ready()
  t.equal(await asks((await token('busy', secret)).bearer), AS_ANN)
  await hub.api('DELETE', '/bots/busy')
})

t.test('it ends with its person, and nobody who gets the name has it', async (t) => {
  const cat = await keys.person('cat@example.com', ['wiki'])
  const own = await make(cat, 'own', ['wiki'])
  await put('lent', { roles: ['wiki'], acts_for: 'cat@example.com' })
  const secret = await secretOf('lent')
  await consent(cat, 'lent')
  const [mine, lent] = [await token(own.name, own.secret), await token('lent', secret)]
  const streams = [await drip(mine.bearer), await drip(lent.bearer)]
  await hub.api('DELETE', '/users/cat@example.com')
  for (const { gone } of streams) await until(gone, 'its stream is cut')
  const check = async (when: string) => {
    for (const { bearer } of [mine, lent]) t.equal(await asks(bearer), '401 session_ended', when)
    t.match(await token(own.name, own.secret), { status: 401 }, when)
    t.match(
      await token('lent', secret),
      { status: 400, body: { error_description: /bot_without_consent/ } },
      when,
    )
  }
  await check('the person is gone')
  await t.rejects(hub.api('GET', `/bots/${own.name}`), /no bot/i, 'what the person made is gone too')
  const other = await keys.person('cat@example.com', ['wiki'])
  await check('somebody else has the name')
  t.match((await open(other, '/web/account')).text, /data-agent="lent"/, 'who is asked anew')
  await consent(other, 'lent')
  t.equal(await asks((await token('lent', secret)).bearer), '200 for cat@example.com')
})
