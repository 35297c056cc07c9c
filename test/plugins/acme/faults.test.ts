// needs: pebble
// long
/** What a hub does when an authority, its DNS or its network misbehave: a real authority behind one that distorts its answers. */

import { fakeClock, testCertificate } from '@mezite/core/testing'
import t, { type Test } from 'tap'
import { acmeOf, startPebble } from '../../../examples/cluster/pebble.ts'
import { renewalId } from '../../../plugins/acme/renewal.ts'
import { until } from '../../until.ts'
import { freePorts, HUB, handshake, hostOf, leafOf, listed, register, startHub } from './hub-with-acme.ts'
import { type Answer, type Asked, endless, startFaultyAuthority } from './start-faulty-authority.ts'

t.setTimeout(1_200_000)

const HOUR_MS = 3_600_000
const WEEK_MS = 7 * 24 * HOUR_MS
const MOST_BYTES = 4 << 20

const ports = await freePorts()
const pebble = await startPebble(ports)
t.teardown(() => pebble.close())
const authority = await startFaultyAuthority(pebble)
t.teardown(() => authority.close())
/** Only hubs that name a profile or an authority in CAA records see these members. */
const META = { profiles: { shortlived: 'six days' }, caaIdentities: ['pebble.example'] }
const withMeta = (asked: Asked, answer: Answer): Answer => {
  if (asked.path !== '/dir') return answer
  const directory = JSON.parse(String(answer.body))
  return { ...answer, body: JSON.stringify({ ...directory, meta: { ...directory.meta, ...META } }) }
}
const reset = () => {
  authority.distort = withMeta
}
reset()
const clock = fakeClock()
const acme = acmeOf({ ...pebble, directory: authority.directory }, { profile: 'shortlived' })
const hub = await startHub(ports, acme, { clock })
t.teardown(() => hub.stop())
const root = await pebble.root()
const serves = async (host: string) =>
  (await handshake(ports.tlsPort, host, root)).split(', ').includes(`DNS:${host}`)
const certificateOf = async (host: string) => (await listed(hub)).find(({ names }) => names.includes(host))
const renew = async (host: string) =>
  hub.api('POST', `/certificates/${(await certificateOf(host))?.name}/renew`)
async function failsWith(host: string, reason: RegExp): Promise<void> {
  let last: string | null | undefined
  const fails = async () => {
    last = (await certificateOf(host))?.last_error
    return reason.test(last ?? '')
  }
  await until(fails, `${host}: ${reason}`).catch((error) =>
    Promise.reject(new Error(`${error.message}: ${last}`)),
  )
}
/** An order that fails on a busy machine is made again; by this clock that would never be. */
const isValid = (host: string) =>
  until(async () => {
    const one = await certificateOf(host)
    if (one?.state === 'failing') {
      t.comment(`${host}: ${one.last_error}`)
      await renew(host)
    }
    return one?.state === 'valid'
  }, `${host} is valid`)
const problem = (status: number, type: string, detail: string, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/problem+json', ...headers },
  body: JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail }),
})
const ordersOf = (host: string) =>
  authority.seen.filter(
    ({ path, payload, status }) =>
      path === '/order-plz' && status < 300 && JSON.stringify(payload).includes(`"${host}"`),
  )

await isValid(HUB)
await until(() => serves(HUB), 'the hub has a certificate')
const settled = await handshake(ports.tlsPort, HUB, root)

/** One app whose order goes wrong as `distort` says, with what the operator then reads; afterwards it succeeds. */
async function fault(t: Test, name: string, reason: RegExp, distort: NonNullable<typeof authority.distort>) {
  const host = hostOf(name)
  // A nonce that is rejected stays one.
  authority.distort = (asked, answer) =>
    answer.status < 300 ? distort(asked, withMeta(asked, answer)) : answer
  await register(hub, name)
  await failsWith(host, reason)
  t.match(await handshake(ports.tlsPort, host, root), /unrecognized name/, 'it has no certificate')
  t.equal(await handshake(ports.tlsPort, HUB, root), settled, 'others are served')
  reset()
  await renew(host)
  await isValid(host)
  t.ok(await serves(host), 'and it has one as soon as the authority behaves')
}

t.test('a rejected nonce is replaced, and one that never succeeds ends the order', async (t) => {
  let once = 0
  authority.distort = (asked, given) => {
    const answer = withMeta(asked, given)
    if (asked.path !== '/order-plz' || answer.status >= 300 || once > 0) return answer
    once += 1
    const { 'replay-nonce': nonce } = answer.headers
    return problem(400, 'badNonce', 'invalid anti-replay nonce', { 'replay-nonce': nonce })
  }
  await register(hub, 'once')
  await isValid(hostOf('once'))
  t.equal(once, 1, 'one rejection ends no order')
  reset()
  let rejected = 0
  await fault(t, 'nonce', /invalid anti-replay nonce/, (asked, answer) => {
    if (asked.path !== '/order-plz') return answer
    rejected += 1
    const { 'replay-nonce': nonce } = answer.headers
    return problem(400, 'badNonce', 'invalid anti-replay nonce', { 'replay-nonce': nonce })
  })
  t.ok(rejected <= 6, `${rejected} attempts`)
})

t.test('V233 certificates for another key, wrong chains and HTML are not served', async (t) => {
  const other = await testCertificate([hostOf('key')])
  const isChain = ({ path }: Asked) => path.startsWith('/certZ/')
  await fault(t, 'key', /cannot be used: the certificate is for another key/, (asked, answer) =>
    isChain(asked) ? { ...answer, body: other.cert } : answer,
  )
  await fault(t, 'chain', /cannot be used: certificate 2 of the chain did not issue/, (asked, answer) => {
    if (!isChain(asked)) return answer
    const [leaf] = String(answer.body).split(/(?<=-----END CERTIFICATE-----\n)/)
    return { ...answer, body: `${leaf}${other.ca}` }
  })
  await fault(t, 'html', /cannot be used: there is no certificate in PEM/, (asked, answer) =>
    isChain(asked) ? { ...answer, body: '<html>' } : answer,
  )
})

t.test('a captive portal in place of the authority is called one, without its page', async (t) => {
  const portal = '<!doctype html><html><body>Welcome! <a href="/login">Sign in</a> to use this network.'
  const inPlaceOf = (path: string) => (asked: Asked, answer: Answer) =>
    asked.path === path
      ? { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: portal }
      : answer
  for (const [name, path] of [
    ['portal', '/order-plz'],
    ['lobby', '/nonce-plz'],
  ] as const) {
    await fault(
      t,
      name,
      /something else answers in place of the authority.* \(HTTP 200\)/,
      (asked, answer) => {
        const now = inPlaceOf(path)(asked, answer)
        return asked.method === 'HEAD' && now !== answer ? { ...now, body: '' } : now
      },
    )
  }
  const events = await hub.api<{ error: string }[]>('GET', '/audit?type=cert.failed')
  t.notOk(events.some(({ error }) => /<|Welcome/.test(error)))
})

t.test('a certificate that is imported during an order stays, however the order ends', async (t) => {
  for (const [name, body] of [
    ['mine', undefined],
    ['own', '<html>'],
  ] as const) {
    const host = hostOf(name)
    const [asked, imported] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    authority.distort = async (request, answer) => {
      if (!request.path.startsWith('/certZ/')) return withMeta(request, answer)
      asked.resolve()
      await imported.promise
      return { ...answer, body: body ?? answer.body }
    }
    await register(hub, name)
    await asked.promise
    const { cert, key } = await testCertificate([host])
    t.match(await hub.api('PUT', `/certificates/${host}`, { cert, key }), { state: 'imported' })
    imported.resolve()
    reset()
    // Orders are made one after the other.
    await register(hub, `after-${name}`)
    await isValid(hostOf(`after-${name}`))
    t.match(await certificateOf(host), { name: host, state: 'imported', last_error: null })
  }
})

t.test('V233 bodies without an end, redirects and URLs elsewhere are refused', async (t) => {
  const huge = endless()
  await fault(t, 'huge', /maxContentLength/, (asked, answer) =>
    asked.path.startsWith('/certZ/') ? { ...answer, body: huge.body } : answer,
  )
  t.ok(huge.sent() < MOST_BYTES, `${huge.sent()} bytes were read`)
  await fault(t, 'redirect', /it redirects/, (asked, answer) =>
    asked.path === '/order-plz'
      ? { ...answer, status: 307, headers: { ...answer.headers, location: 'http://169.254.169.254/' } }
      : answer,
  )
  await fault(t, 'elsewhere', /not below the origin of its directory/, (asked, answer) =>
    asked.path === '/order-plz'
      ? {
          ...answer,
          body: JSON.stringify({
            ...JSON.parse(String(answer.body)),
            authorizations: ['https://127.0.0.1:9/x'],
          }),
        }
      : answer,
  )
})

t.test('a slow order is awaited', async (t) => {
  let polls = 0
  authority.distort = (asked, answer) => {
    if (!/^\/(my-order|finalize-order)\//.test(asked.path) || answer.status !== 200) return answer
    const order = JSON.parse(String(answer.body))
    if (order.status !== 'valid' || ++polls > 3) return answer
    const headers = { ...answer.headers, 'retry-after': '1' }
    return { ...answer, headers, body: JSON.stringify({ ...order, status: 'processing' }) }
  }
  await register(hub, 'slow')
  const tookMs = await until(() => serves(hostOf('slow')), 'it is there')
  t.ok(polls > 3, `asked ${polls} times`)
  t.ok(tookMs >= 2_000, `not sooner than the authority wants: ${Math.round(tookMs)} ms`)
  t.equal(ordersOf(hostOf('slow')).length, 1)
  reset()
})

t.test('an authority that is overloaded or refuses for a while is left alone until then', async (t) => {
  authority.distort = (asked, answer) =>
    asked.path === '/order-plz'
      ? problem(429, 'rateLimited', 'too many certificates already issued', { 'retry-after': '7200' })
      : answer
  await register(hub, 'limited')
  await failsWith(hostOf('limited'), /too many certificates already issued/)
  const { next_attempt: next } = (await certificateOf(hostOf('limited')))!
  t.ok(Date.parse(next!) >= clock.now() + 2 * HOUR_MS - 60_000, `${next}`)
  const asked = authority.seen.length
  await register(hub, 'after')
  await until(
    async () => (await certificateOf(hostOf('after')))?.state === 'failing',
    'its turn was after that',
  )
  const again = authority.seen
    .slice(asked)
    .filter(({ payload }) => JSON.stringify(payload).includes('limited.'))
  t.strictSame(again, [], 'it was not asked again')
  reset()
  for (const name of ['limited', 'after']) await renew(hostOf(name))
  await isValid(hostOf('limited'))
  await isValid(hostOf('after'))
})

t.test(
  'names that the authority cannot check wait when they have failed five times in an hour',
  async (t) => {
    const host = hostOf('closed')
    // Nothing listens there.
    await pebble.dnsCall('add-a', { host, addresses: ['127.0.0.9'] })
    await register(hub, 'closed')
    for (let count = 1; count <= 5; count++) {
      await failsWith(host, /(?:tls-alpn|http)-01: /)
      await renew(host)
    }
    await failsWith(
      host,
      /the authority allows 5 failed checks of closed\.\S+ in an hour; the hub waits until 20/,
    )
    const { next_attempt: next } = (await certificateOf(host))!
    t.ok(Date.parse(next!) > clock.now() && Date.parse(next!) <= clock.now() + HOUR_MS, `${next}`)
    t.equal(ordersOf(host).length, 5, 'the sixth was not made')
    await pebble.dnsCall('clear-a', { host })
    clock.advance(HOUR_MS + 1_000)
    await hub.ready()
    await renew(host)
    await isValid(host)
  },
)

t.test('CAA records that forbid the order are found before it and explained', async (t) => {
  const host = hostOf('caa')
  await pebble.dnsCall('add-caa', { host, policies: [{ tag: 'issue', value: 'other.example' }] })
  await register(hub, 'caa')
  await failsWith(
    host,
    /the CAA records of caa\.apps\S+ allow other\.example to issue, not pebble\.example: add caa\.apps\S+ CAA 0 issue "pebble\.example"/,
  )
  t.strictSame(ordersOf(host), [], 'nothing was ordered')
  await pebble.dnsCall('clear-caa', { host })
  await renew(host)
  await isValid(host)
})

t.test('a profile is ordered if the authority has it', async (t) => {
  t.match(ordersOf(HUB)[0], { payload: { profile: 'shortlived' } })
  await fault(t, 'profile', /does not offer the profile "shortlived", only: classic/, (asked, answer) => {
    if (asked.path !== '/dir') return answer
    const directory = JSON.parse(String(answer.body))
    const body = JSON.stringify({ ...directory, meta: { ...directory.meta, profiles: { classic: '' } } })
    return { ...answer, body }
  })
})

t.test(
  'a certificate is renewed at the time of ARI (RFC 9773), and names the one that it replaces',
  async (t) => {
    const host = hostOf('ari')
    await register(hub, 'ari')
    await isValid(host)
    const before = await leafOf(ports.tlsPort, host, root)
    const id = await renewalId(before)
    const asked: string[] = []
    authority.distort = ({ path, method }, answer) => {
      if (method !== 'GET' || !path.endsWith(`/${id}`))
        return withMeta({ path, method, payload: null }, answer)
      asked.push(path)
      const time = (ms: number) => new Date(clock.now() + ms).toISOString()
      const suggestedWindow = { start: time(-2 * HOUR_MS), end: time(-HOUR_MS) }
      const headers = { 'content-type': 'application/json', 'retry-after': '21600' }
      return { status: 200, headers, body: JSON.stringify({ suggestedWindow }) }
    }
    clock.advance(HOUR_MS + 60_000)
    await hub.ready()
    await register(hub, 'wakes')
    await until(() => asked.length > 0, 'it has been asked')
    await until(
      async () => Date.parse((await certificateOf(host))?.next_attempt ?? '') <= clock.now(),
      'it is due',
    )
    await register(hub, 'wakes-again')
    let failed: string | null | undefined
    const replaces = async () => {
      // The authority may refuse it (Pebble does if the number of the certificate begins with a zero byte).
      if (authority.seen.some(({ payload }) => payload?.replaces === id)) return true
      // An order that fails on the way is made again; by this clock that would never be.
      const error = (await certificateOf(host))?.last_error
      if (error) await renew(host)
      failed = error ?? failed
      return false
    }
    await until(replaces, 'the order names the certificate that it replaces').catch((error) =>
      Promise.reject(new Error(`${error.message}: ${failed}`)),
    )
    reset()
    await until(
      async () => (await leafOf(ports.tlsPort, host, root)).serialNumber !== before.serialNumber,
      'there is a new one',
    )
    t.ok(await serves(host))
  },
)

t.test(
  'a certificate is renewed also if the authority fails because of the one that it replaces',
  async (t) => {
    const host = hostOf('replaced')
    await register(hub, 'replaced')
    await isValid(host)
    const before = await leafOf(ports.tlsPort, host, root)
    const id = await renewalId(before)
    authority.distort = (asked, answer) =>
      asked.payload?.replaces === id
        ? problem(500, 'serverInternal', 'could not find an order for the given certificate')
        : withMeta(asked, answer)
    await renew(host)
    await until(
      async () => (await leafOf(ports.tlsPort, host, root)).serialNumber !== before.serialNumber,
      'there is a new one',
    )
    t.ok(authority.seen.some(({ payload }) => payload?.replaces === id))
    reset()
  },
)

t.test('the hub orders at most five certificates for the same names in a week', async (t) => {
  const host = hostOf('often')
  await register(hub, 'often')
  for (let count = 1; count <= 5; count++) {
    await until(() => ordersOf(host).length === count, `order ${count}`)
    // A renewal that is requested while an order is open is that order.
    const isThere = async () =>
      Date.parse((await certificateOf(host))?.next_attempt ?? '') > clock.now() + WEEK_MS
    await until(isThere, `certificate ${count}`)
    await renew(host)
  }
  await failsWith(
    host,
    /the authority allows 5 certificates for the same names in a week; the hub waits until 20/,
  )
  t.ok(await serves(host), 'the last one is served')
  const { next_attempt: next, state } = (await certificateOf(host))!
  t.equal(state, 'failing')
  t.ok(Date.parse(next!) > clock.now() + WEEK_MS - HOUR_MS, `${next}`)
  t.equal(ordersOf(host).length, 5)
})
