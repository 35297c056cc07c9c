// together: programs
/** A provider that the configuration does not name any more: what it let in has ended when the hub starts. */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectIssuer, createTestHub, FakeIssuer, type TestHub } from '@mezite/core/testing'
import t from 'tap'
import { createAuthorizationServer } from '../../../plugins/authorization-server/hub.ts'
import { JWT_BEARER, seconds, startClient } from './enterprise-client.ts'
import { token } from './world.ts'

const client = await startClient(t)
const issuer = await FakeIssuer.start()
const folder = mkdtempSync(join(tmpdir(), 'mezite-enterprise-'))
t.teardown(async () => {
  await issuer.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A hub on the same data each time, which trusts the provider for these programs. */
async function start(client_ids: readonly string[]): Promise<TestHub> {
  const enterprise = client_ids.length === 0 ? [] : [{ issuer: issuer.url, connector: 'sso', client_ids }]
  const own = { enabled: true, metadata_ports: [client.port], enterprise }
  const plugin = createAuthorizationServer({ accepts: () => true, ca: client.ca })
  return createTestHub({
    config: {
      ...{ database: { driver: 'embedded' }, data_dir: join(folder, 'data') },
      plugins: { 'authorization-server': false },
    },
    plugins: [{ plugin, config: own }],
  })
}
const living = async (hub: TestHub) =>
  (await hub.api<{ kind: string }[]>('GET', '/sessions')).filter(({ kind }) => kind === 'token').length

async function present(hub: TestHub): Promise<number> {
  const times = { iat: seconds(), exp: seconds() + 300, jti: randomUUID() }
  const about = { client_id: client.id, resource: `${hub.appUrl('one')}/`, scope: 'app' }
  const assertion = issuer.sign(
    { iss: issuer.url, sub: 'ann', aud: hub.signInUrl, ...about, ...times },
    { typ: 'oauth-id-jag+jwt' },
  )
  const proof = await client.proof(hub.signInUrl)
  return (await token(hub, { grant_type: JWT_BEARER, assertion, ...proof })).status
}

t.test('S302 a token ends with the trust in the provider, and stays while it is trusted', async (t) => {
  const first = await start([client.id])
  await connectIssuer(first, issuer, { staff: { allow: { app_labels: { '*': '*' } } } })
  await first.api('PUT', '/apps/one', {
    ...{ kind: 'app', version: 'v1', metadata: { name: 'one', labels: { env: 'test' } } },
    spec: { uri: 'http://127.0.0.1:1', agents: ['node-1'] },
  })
  issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: ['staff'] }
  await first.visitor().open(`${first.signInUrl}/web/account`)
  t.equal(await present(first), 200)
  const opened = await living(first)
  t.ok(opened > 0)
  await first.stop()

  const same = await start([client.id])
  t.equal(await living(same), opened, 'a restart alone ends nothing')
  await same.stop()

  const narrower = await start([client.otherId])
  t.equal(await living(narrower), 0, 'the program is not named any more')
  t.equal(await present(narrower), 400)
  await narrower.stop()
})

t.test('S302 an issuer that is neither https nor on this machine keeps the hub from starting', async (t) => {
  for (const wrong of [
    'http://idp.example',
    'idp.example',
    'https://idp.example/?x',
    'http://localhost.evil.example',
  ])
    await t.rejects(
      createTestHub({
        config: { plugins: { 'authorization-server': false } },
        plugins: [
          {
            plugin: createAuthorizationServer(),
            config: { enabled: true, enterprise: [{ issuer: wrong, connector: 'sso', client_ids: ['x'] }] },
          },
        ],
      }),
      /enterprise/,
      wrong,
    )
})
