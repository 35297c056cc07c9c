// together: plugin-hubs
/** Devices: how a person adds one, what it opens, and all ways in which it must not open anything. */
import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { until } from '../../until.ts'
import { basic, ELSEWHERE, startDeviceHub } from './device-hub.ts'

const world = await startDeviceHub(t)
const { hub, keys, clock, notified, received, role, devices, confirm, submit, add, ask } = world
const ann = await keys.person('ann@example.com', ['staff'])
const bob = await keys.person('bob@example.com', ['staff'])
const PHONE = 'HomeAssistant/2026.11 Android/16'

interface Event {
  readonly type: string
  readonly reason: string | null
  readonly client_ip: string | null
  readonly session_id: string | null
  readonly name?: string
}
const events = (query: string) => hub.api<Event[]>('GET', `/audit?${query}`)
/** Resolves when a response that never ends by itself is cut. */
function gone(response: IncomingMessage): Promise<void> {
  response.on('error', () => {})
  response.resume()
  return new Promise((resolve) => response.on('close', () => resolve()))
}
/** Moves the clock; until the hub has read its database again, its view would be too old. */
async function later(ms: number) {
  clock.advance(ms)
  await hub.ready()
}
const lastReceived = () => received.at(-1)!

t.test('a person adds a device only with a fresh passkey, and each confirmation counts once', async (t) => {
  const page = await ann.visitor.open(`${hub.signInUrl}/web/devices/new?app=two`)
  t.match(page.text, /<option value="two" selected/)
  // A sign-in with a passkey is a confirmation too, while it is fresh.
  await later(6 * 60_000)
  const first = await submit(ann)
  t.equal(first.status, 303)
  t.match(first.headers.location, /\/web\/confirm-action\?return=/, 'without a confirmation it leads to one')
  await confirm(ann)
  const added = await submit(ann, { name: 'Kitchen <b>' })
  t.equal(added.status, 200)
  t.match(added.text, /Kitchen &lt;b>/, 'its name is text')
  t.match(added.headers['cache-control'], /no-store/)
  t.match(added.text, /Mezite-Device: mezite_dev_[\w-]{43}</)
  t.match(added.text, /https:\/\/device:mezite_dev_[\w-]{43}@one\./)
  t.match(added.text, /<svg viewBox="0 0 \d+ \d+"/, 'a code for the camera')
  t.equal((await submit(ann)).status, 303, 'the same confirmation adds no second one')
  await confirm(ann)
  await later(6 * 60_000)
  t.equal((await submit(ann)).status, 303, 'nor does an old one')
  const account = await ann.visitor.open(`${hub.signInUrl}/web/account`)
  t.match(account.text, /id="devices"/)
  t.match(account.text, /Kitchen &lt;b>/)
  t.notMatch(account.text, /mezite_dev_/, 'the secret is not shown again')
  const [listed] = await devices('ann@example.com')
  t.notMatch(JSON.stringify(listed), /mezite_dev_/)
  t.equal(Date.parse(listed!.expires) > clock.now() + 89 * 86_400_000, true)
  t.match(await events('type=device.added'), [{ name: 'Kitchen <b>' }])
  for (const wrong of [
    { name: '' },
    { name: 'x'.repeat(61) },
    { days: '0' },
    { days: '400' },
    { days: '9e1' },
    { paths: 'dav' },
    { paths: '/a/../b' },
    { paths: '/%2e' },
    { app: 'no-such-app' },
  ])
    t.match((await submit(ann, wrong)).status, /^40[04]$/, JSON.stringify(wrong))
})

t.test('it opens its app as the person, by header, by Basic and by the address', async (t) => {
  const { secret } = await add(ann, { name: 'Ways' })
  const user = `for ann@example.com`
  for (const headers of [
    { 'mezite-device': secret },
    { authorization: basic('device', secret) },
    { authorization: basic('ann@example.com', secret) },
    { authorization: basic('', secret) },
    { authorization: basic(secret, '') },
    { authorization: basic(secret, 'x-oauth-basic') },
    { authorization: basic('device', secret).replace('Basic', 'bAsIc') },
    { authorization: basic('device', secret).replace('Basic', 'Basic  ') },
    { authorization: basic('device', secret).replace(/=+$/, '') },
  ]) {
    const answer = await ask('one', '/api/', headers)
    t.equal(answer.text, user, JSON.stringify(Object.keys(headers)))
    t.equal(answer.headers['set-cookie'], undefined, 'no session of a browser')
    const sent = JSON.stringify(lastReceived())
    t.notMatch(sent, secret, 'the secret does not reach the app')
    t.notMatch(sent, Buffer.from(`device:${secret}`).toString('base64').slice(0, 40))
    t.equal(lastReceived().headers.authorization, undefined)
    t.equal(lastReceived().headers['mezite-device'], undefined)
  }
  const own = await ask('one', '/', { 'mezite-device': secret, authorization: 'Bearer of-the-app' })
  t.equal(own.text, user)
  t.equal(lastReceived().headers.authorization, 'Bearer of-the-app', "the app's own token reaches it")
})

t.test('X240 the secret opens nothing else', async (t) => {
  const { secret } = await add(ann, { name: 'Elsewhere' })
  const header = { 'mezite-device': secret }
  const count = received.length
  const refused = async (what: string, asking: ReturnType<typeof ask>, status = 401) => {
    const answer = await asking
    t.equal(answer.status, status, what)
    t.notMatch(answer.text, secret)
    t.notMatch(JSON.stringify(answer.headers), secret)
  }
  await refused('another app', ask('two', '/', header))
  await refused('a host without an app', ask('none', '/', header))
  await refused('a bearer token', ask('one', '/', { authorization: `Bearer ${secret}` }))
  await refused('a bare token', ask('one', '/', { authorization: secret }))
  await refused('as the token of another kind', ask('one', '/', { 'mezite-token': secret }))
  await refused('twice in one', ask('one', '/', { authorization: basic(secret, secret) }))
  await refused('two headers', ask('one', '/', { ...header, authorization: basic('device', secret) }), 400)
  await refused('with a space', ask('one', '/', { 'mezite-device': `${secret}x` }))
  await refused('a list', ask('one', '/', { 'mezite-device': `${secret}, ${secret}` }))
  await refused('in a longer password', ask('one', '/', { authorization: basic('device', ` ${secret}`) }))
  await refused('a header that looks like it', ask('one', '/', { mezite_device: secret }), 400)
  const query = await ask('one', `/?mezite_device=${secret}`, {})
  t.equal(query.status, 401, 'in a query string')
  await refused('an unknown one', ask('one', '/', { 'mezite-device': `mezite_dev_${'A'.repeat(43)}` }))
  const api = await hub.visitor().fetch(`${hub.url}/v1/webapi/me`, { headers: header })
  t.equal(api.status, 401, 'the API')
  const bearer = { authorization: `Bearer ${secret}` }
  t.equal((await hub.visitor().fetch(`${hub.url}/v1/webapi/me`, { headers: bearer })).status, 401)
  t.equal(received.length, count, 'nothing of that reached an app')
  const all = JSON.stringify(await hub.api('GET', '/audit?limit=500'))
  t.notMatch(all, /mezite_dev_/, 'no record has a secret')
})

t.test('X240 a cookie beside it does not count', async (t) => {
  const { secret } = await add(bob, { name: 'Beside' })
  await ann.visitor.open(`${hub.appUrl('one')}/`)
  const cookie = ann.visitor.cookies(new URL(hub.appUrl('one')).host) ?? ''
  t.match(cookie, /__Host-mezite/)
  t.equal((await ask('one', '/', { cookie })).text, 'for ann@example.com')
  t.equal((await ask('one', '/', { cookie, 'mezite-device': secret })).text, 'for bob@example.com')
  const wrong = await ask('one', '/', { cookie, 'mezite-device': `mezite_dev_${'B'.repeat(43)}` })
  t.equal(wrong.status, 401, 'a wrong secret is refused, whatever the cookie')
})

t.test('X240 paths that the person has chosen hold in every reading', async (t) => {
  const { secret, id } = await add(ann, { name: 'Calendar', paths: '/dav\r\n/.well-known/caldav' })
  t.same((await devices('ann@example.com')).find((one) => one.id === id)?.paths, [
    '/dav',
    '/.well-known/caldav',
  ])
  const status = async (path: string) => (await ask('one', path, { 'mezite-device': secret })).status
  for (const path of ['/dav', '/dav/', '/dav/ann/calendar.ics?x=1', '/.well-known/caldav'])
    t.equal(await status(path), 200, path)
  for (const path of [
    ...['/', '/davx', '/DAV', '/dav/../api', '/dav/%2e%2e/api', '/dav/..%2fapi', '/api/dav', '//dav'],
    ...['/dav;/../api', '/dav%2f..%2f..%2fapi', '/dav/%252e%252e/api', '/dav\\..\\api'],
  ])
    t.match(await status(path), /^40[03]$/, path)
})

t.test('X241 a role that demands a passkey refuses devices unless a role says otherwise', async (t) => {
  const strict = { options: { require_session_mfa: true }, allow: { app_labels: { env: 'vault' } } }
  await world.register('safe', { env: 'vault' })
  await role('vaulted', strict)
  const eve = await keys.person('eve@example.com', ['vaulted'])
  await confirm(eve)
  const refused = await submit(eve, { app: 'safe' })
  t.equal(refused.status, 403)
  t.match(refused.text, /asks for your passkey/)
  const lenient = (max_age: string, more: object = {}) =>
    role('vaulted', {
      ...{ ...strict, ...more },
      allow: { ...strict.allow, devices: { app_labels: { env: 'vault' }, max_age } },
    })
  await lenient('2h')
  const { secret } = await add(eve, { app: 'safe', name: 'Vault' })
  const asked = () => ask('safe', '/', { 'mezite-device': secret })
  t.equal((await asked()).text, 'for eve@example.com')
  await role('vaulted', strict)
  const lost = await asked()
  t.equal(lost.status, 403, 'without the rule')
  t.equal(JSON.parse(lost.text).code, 'session_mfa_required')
  t.equal(JSON.parse(lost.text).challenge_url, undefined, 'nobody can confirm in it')
  await lenient('2h', { options: { require_session_mfa: 'hardware_key' } })
  t.equal((await asked()).status, 403, 'it was added with a passkey that is no hardware key')
  await lenient('2h')
  t.equal((await asked()).status, 200)
  const fay = await keys.person('fay@example.com', ['vaulted'])
  const other = await add(fay, { app: 'safe', name: 'Lost key' })
  const byOther = () => ask('safe', '/', { 'mezite-device': other.secret })
  t.equal((await byOther()).status, 200)
  await hub.api('DELETE', '/users/fay@example.com/mfa')
  t.match((await byOther()).status, /^40[13]$/, 'the passkey with which it was added is gone')
  const open = await hub
    .visitor()
    .stream(`${hub.appUrl('safe')}/drip`, { headers: { 'mezite-device': secret } })
  const cut = gone(open)
  await later(2 * 3_600_000 + 1)
  await cut
  const old = await asked()
  t.equal(old.status, 403, 'older than max_age')
  t.equal(JSON.parse(old.text).code, 'device_too_old')
  t.rejects(lenient('5y'), 'a duration that is none')
  t.rejects(role('vaulted', { ...strict, allow: { devices: { max_age: '1d' } } }), 'without labels')
})

t.test('the first use, the last use and a use elsewhere are seen, and one click ends it', async (t) => {
  const { id, secret } = await add(ann, { name: 'Stolen' })
  const send = (agent: string, from?: string) =>
    ask('one', '/', { 'mezite-device': secret, 'user-agent': agent }, from === undefined ? {} : { from })
  const seen = async (check: (one: Awaited<ReturnType<typeof devices>>[number]) => boolean) => {
    let found: Awaited<ReturnType<typeof devices>>[number] | undefined
    await until(async () => {
      found = (await devices('ann@example.com')).find((one) => one.id === id)
      return found !== undefined && check(found)
    }, 'the use is stored')
    return found!
  }
  await send(PHONE)
  t.match(await seen(({ first_used }) => first_used !== null), {
    first_used: { client_ip: '127.0.0.1', user_agent: PHONE },
    last_used: { client_ip: '127.0.0.1', user_agent: PHONE },
    moved: null,
  })
  await later(60_001)
  await send('HomeAssistant/2026.12 Android/16')
  await seen(({ last_used }) => last_used?.user_agent.includes('2026.12') === true)
  t.equal((await send(PHONE, ELSEWHERE)).status, 200, 'the phone in another network')
  await seen(({ last_used }) => last_used?.client_ip === ELSEWHERE)
  t.same(notified, [], 'neither an update nor another network alone notifies')

  t.equal((await send('curl/8.14.1', '127.77.0.1')).status, 200, 'a stolen secret is allowed')
  await until(async () => notified.length > 0, 'the person is notified')
  t.match(notified, [
    { user: 'ann@example.com', severity: 'warning', title: /Stolen/, text: /curl.*127\.77\.0\.1/ },
  ])
  await send('curl/8.14.1', '127.77.0.1')
  t.match(await events('type=device.moved'), [{ name: 'Stolen', client_ip: '127.77.0.1' }])
  t.type((await seen(({ moved }) => moved !== null)).moved, 'string')

  const socket = await hub.visitor().stream(`${hub.appUrl('one')}/drip`, {
    headers: { 'mezite-device': secret },
  })
  const before = performance.now()
  const account = await ann.visitor.open(`${hub.signInUrl}/web/account`)
  const foreign = await bob.visitor.open(`${hub.signInUrl}/web/account`)
  const theft = await bob.visitor.fetch(`${hub.signInUrl}/web/devices/${id}/remove`, {
    method: 'POST',
    headers: { origin: hub.signInUrl, 'sec-fetch-site': 'same-origin', accept: 'text/html' },
  })
  t.equal(theft.status, 404, 'nobody else ends it')
  t.notMatch(foreign.text, /Stolen/)
  const closed = gone(socket)
  await ann.visitor.submit(account, new RegExp(`/web/devices/${id}/remove`))
  await closed
  t.comment(`from the page to the cut: ${Math.round(performance.now() - before)} ms`)
  t.equal((await send(PHONE)).status, 401)
  t.equal(
    (await devices('ann@example.com')).some((one) => one.id === id),
    false,
  )
  t.match(await events('type=device.removed'), [{ name: 'Stolen' }])
})

t.test('an administrator sees and ends devices, and nobody else does', async (t) => {
  const { id, secret } = await add(bob, { name: 'Of Bob' })
  const asked = await ann.visitor.fetch(`${hub.url}/v1/webapi/devices`, {
    headers: { accept: 'application/json' },
  })
  t.equal(asked.status, 403)
  t.match(await hub.api('GET', `/devices/${id}`), { id, user: 'bob@example.com', app: 'one' })
  const page = await hub.api<{ blocks: object[] }>('GET', '/dashboard/pages/devices')
  t.match(JSON.stringify(page), /Of Bob/)
  t.match(await hub.api('DELETE', `/devices/${id}`), { id, removed: true })
  await t.rejects(hub.api('DELETE', `/devices/${id}`), { code: 'device_not_found' })
  t.equal((await ask('one', '/', { 'mezite-device': secret })).status, 401)
})

t.test('a lock, the end of the role and the end of the account stop it', async (t) => {
  const joe = await keys.person('joe@example.com', ['staff'])
  const { secret } = await add(joe, { name: 'Locked' })
  const asked = async () => (await ask('one', '/', { 'mezite-device': secret })).status
  t.equal(await asked(), 200)
  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { user: 'joe@example.com' } })
  t.equal(await asked(), 403)
  await hub.api('DELETE', `/locks/${lock.id}`)
  t.equal(await asked(), 200)
  await hub.api('DELETE', '/users/joe@example.com')
  t.equal(await asked(), 401)
})

t.test('X242 guesses count against their address, and not against the person', async (t) => {
  const { secret } = await add(ann, { name: 'Guessed' })
  const guess = (n: number) =>
    ask('one', '/', { 'mezite-device': `mezite_dev_${String(n).padStart(43, 'x')}` }, { from: ELSEWHERE })
  const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => guess(n)))
  for (const { status } of answers) t.match(status, /^(401|429|503)$/)
  t.equal((await ask('one', '/', { 'mezite-device': secret })).status, 200)
  const [short, long] = await Promise.all([
    ask('one', '/', { 'mezite-device': 'mezite_dev_x' }),
    ask('one', '/', { 'mezite-device': `mezite_dev_${'y'.repeat(43)}` }),
  ])
  const bodyOf = ({ text }: { text: string }) => ({ ...JSON.parse(text), request_id: null, instance: null })
  t.same(bodyOf(short), bodyOf(long), 'the response says nothing about the form')
})

t.test('only clients that wait for a challenge get one', async (t) => {
  const asked = (agent: string) => ask('one', '/.well-known/caldav', { 'user-agent': agent })
  for (const agent of [
    'DAVx5/4.5.5-ose (2026/11/01; dav4jvm; okhttp/5.1.0) Android/16',
    'iOS/18.1 (22B83) dataaccessd/1.0',
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.5.0',
    'Mozilla/5.0 (Linux) mirall/3.16.0 (Nextcloud)',
  ])
    t.match((await asked(agent)).headers['www-authenticate'], /Basic realm="Mezite"/, agent)
  const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0'
  t.notMatch(String((await asked(firefox)).headers['www-authenticate']), /Basic/)
})
