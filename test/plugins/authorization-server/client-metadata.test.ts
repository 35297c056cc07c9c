// together: programs
/** A program may publish its metadata at its client ID, which the hub then fetches: whose request makes it do so, and how often. */
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fakeClock, testCertificate, type Visitor } from '@mezite/core/testing'
import t from 'tap'
import { calls } from '../../../plugins/authorization-server/calls.ts'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { createMetadataFetches } from '../../../plugins/authorization-server/metadata-fetches.ts'
import { authorizationUrl, proofKey, REDIRECT, startWorld } from './world.ts'

const certificate = await testCertificate(['localhost'])
const fetched: string[] = []
const publisher = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
  fetched.push(request.url ?? '')
  if (request.url?.startsWith('/missing')) return void response.writeHead(404).end()
  if (request.url?.startsWith('/foreign')) return void response.end('{"client_id":"https://other.example/"}')
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify({
      client_id: origin + request.url,
      client_name: 'Published',
      redirect_uris: [REDIRECT],
      token_endpoint_auth_method: 'none',
    }),
  )
})
await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  publisher.closeAllConnections()
  publisher.close()
})
const { port } = publisher.address() as AddressInfo
const origin = `https://localhost:${port}`
const network = { accepts: () => true, ca: certificate.ca }

const world = await startWorld(t, {
  plugin: createAuthorizationServer(network),
  config: { metadata_ports: [443, port] },
})
const { hub, person, resource } = world

async function signedIn(name: string): Promise<Visitor> {
  person(name, 'staff')
  const visitor = hub.visitor()
  await visitor.open(`${hub.signInUrl}/web/account`)
  return visitor
}

/** What a page makes the browser of a visitor send; the number of fetches that it causes. */
async function fetchesOf(visitor: Visitor, path: string, headers: Readonly<Record<string, string>>) {
  const before = fetched.length
  const url = authorizationUrl(hub, {
    client_id: origin + path,
    resource: resource('one'),
    code_challenge: proofKey().challenge,
  })
  const { status } = await visitor.fetch(url, { headers })
  return { status, fetches: fetched.length - before }
}
const NAVIGATION = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

t.test(
  'S202 only a navigation makes the hub fetch, not an image, frame or call of another page',
  async (t) => {
    const visitor = await signedIn('alice')
    for (const [mode, dest] of [
      ['no-cors', 'image'],
      ['navigate', 'iframe'],
      ['navigate', 'frame'],
      ['navigate', 'object'],
      ['cors', 'empty'],
      ['no-cors', 'script'],
    ] as const) {
      const headers = { 'sec-fetch-mode': mode, 'sec-fetch-dest': dest, 'sec-fetch-site': 'same-site' }
      const { status, fetches } = await fetchesOf(visitor, '/embedded', headers)
      t.strictSame({ status, fetches }, { status: 400, fetches: 0 }, `${mode} ${dest}`)
    }
    t.strictSame(await fetchesOf(visitor, '/embedded', NAVIGATION), { status: 303, fetches: 1 })
    t.strictSame(await fetchesOf(visitor, '/old', {}), { status: 303, fetches: 1 }, 'no Fetch Metadata')
    t.match(await fetchesOf(hub.visitor(), '/stranger', NAVIGATION), { status: 303, fetches: 0 })
  },
)

t.test('S202 an address that failed is not fetched again for a minute', async (t) => {
  const visitor = await signedIn('bruno')
  for (const path of ['/missing', '/foreign']) {
    let fetches = 0
    for (let at = 0; at < 10; at++) fetches += (await fetchesOf(visitor, path, NAVIGATION)).fetches
    t.equal(fetches, 1, path)
  }
  const clock = fakeClock()
  const metadata = createMetadataFetches({ clock, isKnown: async () => true })
  const id = 'https://program.example/'
  const attempt = async () => {
    let allowed = false
    await t.rejects(
      metadata.find(id, async () => {
        allowed = await metadata.mayFetch(id)
        throw new Error('the fetch failed')
      }),
    )
    return allowed
  }
  t.strictSame([await attempt(), await attempt()], [true, false])
  clock.advance(59_000)
  t.equal(await attempt(), false)
  clock.advance(1_000)
  t.equal(await attempt(), true, 'a refusal does not prolong it')
})

t.test('S202 each person brings at most 20 new addresses a minute', async (t) => {
  const visitor = await signedIn('carol')
  let fetches = 0
  for (let at = 0; at < 30; at++) fetches += (await fetchesOf(visitor, `/many-${at}`, NAVIGATION)).fetches
  t.equal(fetches, 20)
  t.strictSame(await fetchesOf(visitor, '/many-0', NAVIGATION), { status: 303, fetches: 0 }, 'known already')
  const other = await signedIn('dora')
  t.equal((await fetchesOf(other, '/many-29', NAVIGATION)).fetches, 1, 'another person')
  const clock = fakeClock()
  const metadata = createMetadataFetches({ clock, isKnown: async () => false })
  const call = { request: { headers: {} }, hubSession: { user: 'erin' } } as never
  const count = async () => {
    let allowed = 0
    for (let at = 0; at < 30; at++)
      if (await calls.run(call, () => metadata.mayFetch(`https://${at}.example/`))) allowed++
    return allowed
  }
  t.strictSame([await count(), await count()], [20, 0])
  clock.advance(60_000)
  t.equal(await count(), 20, 'a minute later')
})

t.test('S202 metadata and keys are fetched from port 443 alone, unless others are configured', async (t) => {
  const strict = await startWorld(t, { plugin: createAuthorizationServer(network) })
  strict.person('alice', 'staff')
  const visitor = strict.hub.visitor()
  await visitor.open(`${strict.hub.signInUrl}/web/account`)
  const before = fetched.length
  const url = authorizationUrl(strict.hub, {
    client_id: `${origin}/port`,
    code_challenge: proofKey().challenge,
  })
  t.equal((await visitor.fetch(url, { headers: NAVIGATION })).status, 400)
  t.equal(fetched.length, before)
})
