// together: plugin-hubs
/** A hub without the plugin `web-api`, as an operator runs it who administers another hub of the cluster. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectIssuer, createTestAgent, createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { freePort } from '../../../core/program/dev/free-port.ts'
import { until } from '../../until.ts'

t.test('`web-api: false` switches its routes off; sign-in, apps, locks and readiness go on', async (t) => {
  const upstream = createServer((_request, response) => void response.end('the app'))
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  t.teardown(() => upstream.close().closeAllConnections())
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const port = await freePort()
  // Not `t.testdir()`: the path of a socket is short.
  const dir = await mkdtemp(join(tmpdir(), 'mezite-off-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const shared = {
    data_dir: dir,
    database: { driver: 'embedded' },
    proxy: { listen_addr: `127.0.0.1:${port}`, public_addr: `hub.mezite.localhost:${port}` },
  }
  const before = await createTestHub({ config: shared })
  t.teardown(() => before.stop())
  await connectIssuer(before, issuer, { staff: { allow: { app_labels: { '*': '*' } } } })
  const agent = await createTestAgent(before)
  t.teardown(() => agent.stop())
  await before.api('PUT', '/apps/one', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'one', labels: { env: 'test' } },
    spec: { uri: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`, agents: [agent.hostname] },
  })
  await before.stop()
  const hub = await createTestHub({ config: { ...shared, plugins: { 'web-api': false } } })
  t.teardown(() => hub.stop())
  const gone = [
    ...['/apps', '/schemas/app', '/users', '/sessions', '/tokens', '/auth/rotate/hub-ca', '/me', '/brand'],
    ...['/status', '/access/explain?user=ann&app=one', '/access/who?app=one', '/access/what?user=ann'],
  ]
  for (const path of gone)
    await hub.api('GET', path).then(
      () => t.fail(path),
      ({ status }) => t.equal(status, 404, path),
    )
  const off = { status: 404, code: 'not_found' }
  await t.rejects(hub.api('POST', '/users', { name: 'ben', roles: ['admin'] }), off)
  await t.rejects(hub.api('POST', '/tokens', { roles: ['app'] }), off)
  issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: ['staff'] }
  const visitor = hub.visitor()
  const home = await visitor.open(`${hub.signInUrl}/web/login?connector=sso`)
  t.match(home, { status: 200 })
  t.match((await visitor.open(`${hub.signInUrl}/web/account`)).text, /ann@example\.com/)
  t.strictSame(await hub.api('GET', '/locks'), [])
  await until(async () => (await visitor.open(hub.appUrl('one'))).status === 200, 'the agent is back')
  t.match(await visitor.open(hub.appUrl('one')), { status: 200, text: 'the app' })
  await hub.ready()
})
