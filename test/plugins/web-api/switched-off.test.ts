// together: plugin-hubs
/** A hub without the plugin `web-api`, as an operator runs it who administers another hub of the cluster. */
import { connectIssuer, createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'

t.test('`web-api: false` switches its routes off; sign-in, locks and status go on', async (t) => {
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub({ config: { plugins: { 'web-api': false } } })
  t.teardown(() => hub.stop())
  await connectIssuer(hub, issuer, { staff: { allow: { app_labels: { '*': '*' } } } })
  const gone = [
    '/apps',
    '/schemas/app',
    '/users',
    '/sessions',
    '/tokens',
    '/auth/rotate/hub-ca',
    '/me',
    '/brand',
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
  t.match(await hub.api('GET', '/status'), { sessions: 1 })
  await hub.ready()
})
