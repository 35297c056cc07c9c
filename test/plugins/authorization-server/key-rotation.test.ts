// together: programs
/** Two hubs on one PostgreSQL database sign ID tokens and logout tokens with one set of keys, and make the library again when it changes. */
import { randomBytes } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSigningKeys } from '@mezite/core/identity'
import { fakeClock, memoryLog, testActor, testSecretBox } from '@mezite/core/testing'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import t from 'tap'
import { ROUTES } from '../../../plugins/authorization-server/endpoint-routes.ts'
import { loadLibrary } from '../../../plugins/authorization-server/library.ts'
import { serverMigrations, tokenKeys } from '../../../plugins/authorization-server/migrations.ts'
import { createRecords } from '../../../plugins/authorization-server/records.ts'
import { createServer } from '../../../plugins/authorization-server/server.ts'
import { postgresStore } from '../../state/database/postgres-stores.ts'
import { changesOf, open } from '../../state/database/stores.ts'

const MINUTE = 60_000
const ISSUER = 'https://hub.example.com'
const LOGOUT = 'https://app.example.com/logout'
const store = await postgresStore()
t.teardown(() => store.close())
const config = await store.config()
const clock = fakeClock()
const secret = randomBytes(32)
const library = await loadLibrary()

async function startHub() {
  const database = await open(config)
  await database.migrate([serverMigrations])
  const revisions = changesOf(database)
  const keys = createSigningKeys({ revisions, secretBox: testSecretBox(secret), clock, ...tokenKeys })
  revisions.addView(keys.view)
  await revisions.start()
  await keys.ensure()
  const secretBox = testSecretBox(secret)
  const records = createRecords({ database: database.db, secretBox, clock, thrown: library.errors })
  let told = ''
  let made = 0
  const server = createServer({
    library,
    issuer: ISSUER,
    keys,
    log: memoryLog().log,
    configuration: {
      clients: [
        {
          ...{ client_id: 'grafana', client_secret: 'secret', redirect_uris: ['https://app.example.com/cb'] },
          backchannel_logout_uri: LOGOUT,
        },
      ],
      features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: false } },
      routes: ROUTES,
      adapter: records.adapter as never,
      async fetch(_url, options) {
        told = new URLSearchParams(String(options?.body)).get('logout_token') ?? ''
        return new Response(null, { status: 200 })
      },
    },
    prepare: () => {
      made++
    },
  })
  const web = createHttpServer((request, response) => {
    const call = { clientIp: '127.0.0.1', requestId: 'r', hubSession: undefined, request } as never
    server.serve(request, response, call).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  t.teardown(async () => {
    web.closeAllConnections()
    web.close()
    await revisions.stop()
    await database.close()
  })
  return {
    keys,
    revisions,
    server,
    made: () => made,
    /** As an app fetches them. */
    async published(): Promise<JSONWebKeySet> {
      const answer = await fetch(`http://127.0.0.1:${(web.address() as AddressInfo).port}${ROUTES.jwks}`)
      return (await answer.json()) as JSONWebKeySet
    },
    /** A token that the hub signs now. */
    async sign(): Promise<string> {
      const client = await server.provider().Client.find('grafana')
      const { backchannelLogout } = client as unknown as {
        backchannelLogout(sub: string, sid: string): Promise<void>
      }
      await backchannelLogout.call(client, 'alice', 's')
      return told
    },
  }
}
const hubs = [await startHub(), await startHub()] as const
const [a, b] = hubs
const sync = () => Promise.all(hubs.map(({ revisions }) => revisions.write(async () => {})))
const kidOf = (token: string) => decodeProtectedHeader(token).kid
const accepted = async (token: string, set: JSONWebKeySet) =>
  (await jwtVerify(token, createLocalJWKSet(set), { issuer: ISSUER, audience: 'grafana' })).payload.sub
const kidsOf = ({ keys }: JSONWebKeySet) => keys.map(({ kid }) => kid)

t.test('a replaced key signs for six minutes more, and its signatures verify at both hubs', async (t) => {
  await sync()
  const first = await a.sign()
  t.equal(kidOf(await b.sign()), kidOf(first), 'hubs that start together have one key')
  const cached = await a.published()
  await b.keys.rotate(testActor)
  await sync()
  for (const hub of hubs) {
    const set = await hub.published()
    t.equal(set.keys.length, 2, 'an app that asks now has the new key before it signs')
    t.equal(kidOf(await hub.sign()), kidOf(first), 'published, not used')
    t.ok(
      set.keys.every((key) => key.d === undefined && key.p === undefined),
      'O179 public members only',
    )
  }
  clock.advance(6 * MINUTE)
  const next = await b.sign()
  t.not(kidOf(next), kidOf(first))
  t.equal(kidOf(await a.sign()), kidOf(next))
  for (const hub of hubs) {
    const set = await hub.published()
    t.equal(await accepted(next, set), 'alice')
    t.equal(await accepted(first, set), 'alice', 'what was signed before still verifies')
  }
  t.notOk(
    kidsOf(cached).includes(kidOf(next)),
    'an app with the set of before asks again, because it lacks the key',
  )
})

t.test('the library is created once for each set of keys, and keeps its state', async (t) => {
  const [before, provider] = [a.made(), a.server.provider()]
  for (let at = 0; at < 5; at++) await a.sign()
  t.equal(a.made(), before, 'not for each request')
  const grant = new provider.Grant({ accountId: 'alice', clientId: 'grafana' })
  grant.addOIDCScope('openid')
  const code = await grant.save()
  await a.keys.rotate(testActor)
  await sync()
  t.not(a.server.provider(), provider)
  t.equal(a.made(), before + 1)
  t.match(
    await a.server.provider().Grant.find(code),
    { accountId: 'alice' },
    'a sign-in that had begun goes on',
  )
  const token = await a.sign()
  t.equal(await accepted(token, await b.published()), 'alice')
})

t.test('a hub that was down over a rotation has the same keys when it is back', async (t) => {
  clock.advance(6 * MINUTE)
  const late = await startHub()
  t.equal(kidOf(await late.sign()), kidOf(await a.sign()))
  t.strictSame(new Set(kidsOf(await late.published())), new Set(kidsOf(await a.published())))
})
