// together: hubs
/** Apps below several domains: each domain has the rules of a single one, and people sign in at one host for all. */
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { connect, register } from '../e2e/resources.ts'

const FIRST = 'apps.mezite.localhost'
const SECOND = 'apps.other.localhost'
const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const hub = await createTestHub({ config: { proxy: { apps_domain: [FIRST, SECOND] } } })
t.teardown(() => hub.stop())
await connect(hub.api, issuer)
const suffix = `:${hub.ports.public}`
const at = (host: string) => `https://${host}${suffix}/`

/** No agent serves the apps: 502 comes from behind the gate. */
const statusOf = async (visitor: ReturnType<typeof hub.visitor>, host: string) =>
  (await visitor.open(at(host))).status
const sessions = async () =>
  (await hub.api<{ user: string; app: string | null; kind: string }[]>('GET', '/sessions')).filter(
    ({ kind }) => kind === 'app',
  )

t.test('an app chooses its domain, and one sign-in opens both', async (t) => {
  await register(hub.api, 'wiki', 1, {})
  await register(hub.api, 'shop', 1, { domain: SECOND })
  t.match(
    await hub.api('GET', '/apps/wiki'),
    { spec: { public_addr: `wiki.${FIRST}` } },
    'the first is the default',
  )
  t.match(await hub.api('GET', '/apps/shop'), {
    spec: { public_addr: `shop.${SECOND}` },
    status: { url: at(`shop.${SECOND}`) },
  })
  const visitor = hub.visitor()
  t.equal(await statusOf(visitor, `wiki.${FIRST}`), 502)
  const logins = issuer.authorizations.length
  t.equal(await statusOf(visitor, `shop.${SECOND}`), 502)
  t.equal(issuer.authorizations.length, logins, 'people sign in at one host for all domains')
  t.match(visitor.cookies(`shop.${SECOND}${suffix}`), /__Host-mezite_app/)
  t.equal(await statusOf(visitor, `wiki.${SECOND}`), 404, 'an app is at its own domain alone')
})

t.test('the rules of a domain hold for each', async (t) => {
  for (const [spec, fault] of [
    [{ public_addr: SECOND }, `must be below ${SECOND}, not ${SECOND} itself`],
    [{ public_addr: 'x.third.localhost' }, `must be below ${FIRST} or ${SECOND}`],
    [{ public_addr: `x.${SECOND}:443` }, 'must be a host name without scheme and port'],
    [{ public_addr: `*.${SECOND}` }, 'must not be a wildcard'],
    [{ public_addr: `x.${SECOND}.` }, 'must not end with a dot'],
    [{ public_addr: `x.${FIRST}`, domain: SECOND }, `must be below ${SECOND}, as domain says`],
    [{ domain: 'third.localhost' }, `must be in proxy.apps_domain: ${FIRST} or ${SECOND}`],
    [{ domain: `${SECOND}.` }, 'must be in proxy.apps_domain'],
  ] as const)
    await t.rejects(
      register(hub.api, 'x', 1, spec),
      { message: new RegExp(fault.replaceAll('.', '\\.')) },
      fault,
    )
  t.match(
    await hub.api('PUT', '/apps/loud', {
      kind: 'app',
      version: 'v1',
      metadata: { name: 'loud' },
      spec: { uri: 'http://127.0.0.1:1', domain: SECOND.toUpperCase() },
    }),
    { resource: { spec: { public_addr: `loud.${SECOND}` } } },
  )
  await t.rejects(register(hub.api, 'thief', 1, { public_addr: `shop.${SECOND}` }), {
    code: 'public_addr_taken',
  })
})

t.test('an app that moves to another domain ends its sessions, and leaves its address', async (t) => {
  await register(hub.api, 'mover', 1, {})
  await register(hub.api, 'stays', 1, {})
  const visitor = hub.visitor()
  t.equal(await statusOf(visitor, `mover.${FIRST}`), 502)
  t.equal(await statusOf(visitor, `stays.${FIRST}`), 502)
  await register(hub.api, 'stays', 1, { display: { name: 'Stays' } })
  t.ok(
    (await sessions()).some(({ app }) => app === 'stays'),
    'another change ends none',
  )
  await register(hub.api, 'mover', 1, { domain: SECOND })
  t.notOk((await sessions()).some(({ app }) => app === 'mover'))
  t.equal(await statusOf(visitor, `mover.${FIRST}`), 404)
  await register(hub.api, 'heir', 1, { public_addr: `mover.${FIRST}` })
  const before = (await sessions()).length
  t.equal(await statusOf(visitor, `mover.${FIRST}`), 502)
  t.equal((await sessions()).length, before + 1, 'the cookie of the app before opens nothing')
  t.equal(await statusOf(visitor, `mover.${SECOND}`), 502)
})

t.test('a link leads to a host of any domain, and to no other', async (t) => {
  const nonce = 'n'.repeat(43)
  const launch = (host: string) =>
    hub.visitor().fetch(`${hub.signInUrl}/web/launch?host=${host}${suffix}&path=/&nonce=${nonce}`)
  t.equal((await launch(`wiki.${FIRST}`)).status, 302)
  t.equal((await launch(`shop.${SECOND}`)).status, 302)
  t.equal((await launch('shop.third.localhost')).status, 400)
  t.equal((await launch(SECOND)).status, 400)
})
