// together: programs
/** `clients` of the authorization server: the publishers whose programs people may let in. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectIssuer, createTestHub, FakeIssuer, type TestHub, testCertificate } from '@mezite/core/testing'
import t from 'tap'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { until } from '../../until.ts'
import { authorizationUrl, authorize, consent, proofKey, REDIRECT, registerClient, token } from './world.ts'

const certificate = await testCertificate(['localhost'])
const fetched: string[] = []
const publisher = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
  fetched.push(request.url ?? '')
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
const { port } = publisher.address() as AddressInfo
const origin = `https://localhost:${port}`
const network = { accepts: () => true, ca: certificate.ca }
const folder = mkdtempSync(join(tmpdir(), 'mezite-publishers-'))
const issuer = await FakeIssuer.start()
t.teardown(async () => {
  publisher.closeAllConnections()
  publisher.close()
  await issuer.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A hub on the same data each time, with this list of publishers. */
async function start(clients: readonly string[] | undefined): Promise<TestHub> {
  const own = { enabled: true, registration: true, metadata_ports: [443, port], ...(clients && { clients }) }
  return createTestHub({
    config: {
      ...{ database: { driver: 'embedded' }, data_dir: join(folder, 'data') },
      plugins: { 'authorization-server': false },
    },
    plugins: [{ plugin: createAuthorizationServer(network), config: own }],
  })
}

async function signedIn(hub: TestHub) {
  issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: ['staff'] }
  const visitor = hub.visitor()
  await visitor.open(`${hub.signInUrl}/web/account`)
  return visitor
}
const asking = (hub: TestHub, client_id: string) => ({
  ...{ client_id, resource: `${hub.appUrl('one')}/`, code_challenge: proofKey().challenge },
})
const consents = async (hub: TestHub) =>
  (await hub.api<{ client_id: string; people: number }[]>('GET', '/clients'))
    .filter(({ people }) => people > 0)
    .map(({ client_id }) => client_id)

t.test('without a list, people let in the program of any publisher', async (t) => {
  const hub = await start(undefined)
  t.teardown(() => hub.stop())
  await connectIssuer(hub, issuer, { staff: { allow: { app_labels: { '*': '*' } } } })
  await hub.api('PUT', '/apps/one', {
    ...{ kind: 'app', version: 'v1', metadata: { name: 'one', labels: { env: 'test' } } },
    spec: { uri: 'http://127.0.0.1:1', agents: ['node-1'] },
  })
  const visitor = await signedIn(hub)
  const resource = `${hub.appUrl('one')}/`
  await authorize(hub, visitor, `${origin}/one`, resource)
  await authorize(hub, visitor, await registerClient(hub), resource)
  t.equal((await consents(hub)).length, 2)
})

t.test(
  'a consent that was given to a publisher outside the list has ended, and nothing is fetched',
  async (t) => {
    // Names that begin or end like an allowed one, and another port of its host.
    const hub = await start(['https://claude.ai', 'https://localhost', `https://localhost:${port + 1}`])
    t.teardown(() => hub.stop())
    t.match(await consents(hub), [/^[0-9a-f-]{36}$/], 'the program that registered itself stays')
    await until(async () => {
      const events = await hub.api<{ type: string }[]>('GET', '/audit?limit=200')
      return events.some(({ type }) => type === 'consent.revoked')
    }, 'its end is recorded')
    const visitor = await signedIn(hub)
    fetched.length = 0
    const page = await consent(hub, visitor, asking(hub, `${origin}/one`))
    t.ok(!(page instanceof URL))
    t.match(page, { status: 400, text: /Your organization does not allow programs of localhost:\d+\./ })
    const german = await visitor.fetch(authorizationUrl(hub, asking(hub, `${origin}/one`)), {
      headers: { 'accept-language': 'de', 'sec-fetch-mode': 'navigate' },
    })
    t.match(german.text, /Ihre Organisation lässt Programme von localhost:\d+ nicht zu\./)
    const fields = { grant_type: 'refresh_token', refresh_token: 'mezite_rt_x', client_id: `${origin}/one` }
    const refused = await token(hub, fields)
    t.match(JSON.parse(refused.text), { error: 'invalid_client' })
    t.strictSame(fetched, [])
    await until(async () => {
      const all = await hub.api<{ reason?: string; detail?: string }[]>('GET', '/audit?type=token.issued')
      return all.some(({ detail }) =>
        /^programs of https:\/\/localhost:\d+ are not allowed here$/.test(detail ?? ''),
      )
    }, 'the refusal is recorded')
  },
)

t.test('the program of a listed publisher is let in, whatever its path; that of no other name', async (t) => {
  const hub = await start([origin])
  t.teardown(() => hub.stop())
  const visitor = await signedIn(hub)
  await authorize(hub, visitor, `${origin}/two/deep?x=1`, `${hub.appUrl('one')}/`)
  fetched.length = 0
  for (const other of [
    `https://localhost.example:${port}/one`,
    `https://evil-localhost:${port}/one`,
    `https://sub.localhost:${port}/one`,
    `https://localhost:${port + 1}/one`,
    'https://localhost/one',
  ]) {
    const page = await consent(hub, visitor, asking(hub, other))
    t.match(page, { status: 400, text: /does not allow programs of/ }, other)
  }
  t.strictSame(fetched, [])
})

t.test('a list that is not of origins keeps the hub from starting', async (t) => {
  for (const wrong of [
    'claude.ai',
    'http://claude.ai',
    'https://claude.ai/',
    'https://*.claude.ai',
    'https://claude.ai/path',
    'https://user@claude.ai',
    'https://CLAUDE.ai',
    '',
  ])
    await t.rejects(start([wrong]), /clients/, wrong)
})
