// needs: pebble, PostgreSQL
// long
/** Certificates of a cluster: hubs that are programs of their own, on one PostgreSQL database, and a real authority. */
import t from 'tap'
import { freePort } from '../../../core/testing/index.ts'
import { acmeOf, startPebble } from '../../../examples/cluster/pebble.ts'
import { startSite } from '../../e2e/start-two-hubs.ts'
import { until } from '../../until.ts'
import { HUB, handshake, hostOf, type Listed } from './hub-with-acme.ts'
import { type Asked, startFaultyAuthority } from './start-faulty-authority.ts'

t.setTimeout(900_000)

// The authority must know where the hubs are, and they where it is.
const plugins: Record<string, unknown> = {}
const site = await startSite(t, { config: { plugins } })
const pebble = await startPebble({ tlsPort: site.balancer.port, httpPort: await freePort() })
t.teardown(() => pebble.close())
const authority = await startFaultyAuthority(pebble)
t.teardown(() => authority.close())
plugins.acme = acmeOf({ ...pebble, directory: authority.directory })
const root = await pebble.root()

const orders = () => authority.seen.filter(({ path, status }) => path === '/order-plz' && status === 201)
const isFinalized = ({ path }: Asked) => path.startsWith('/finalize-order/')

t.test('fault 44: another hub completes the order of a hub that is killed', async (t) => {
  // The authority does not come to an end while hub-a runs.
  const held = Promise.withResolvers<void>()
  const balanced = Promise.withResolvers<void>()
  const reached = Promise.withResolvers<void>()
  authority.distort = async (asked, answer) => {
    if (asked.path === '/order-plz') await balanced.promise
    if (!asked.path.startsWith('/chalZ/')) return answer
    reached.resolve()
    await held.promise
    return answer
  }
  const a = await site.startHub('hub-a')
  site.balanceTo(a)
  balanced.resolve()
  await reached.promise
  t.equal(orders().length, 1, 'the order is open, and the authority checks it')
  const b = await site.startHub('hub-b')
  t.match(await handshake(b.port, HUB, root), /unrecognized name/, 'nobody has the certificate yet')
  a.program.signal('SIGKILL')
  await a.program.exited
  authority.distort = null
  held.resolve()
  site.balanceTo(b)
  const tookMs = await until(
    async () => (await handshake(b.port, HUB, root)) === `DNS:${HUB}`,
    'the other hub has completed it',
    120_000,
  )
  t.comment(`${(tookMs / 1_000).toFixed(1)} s from the end of a hub to the certificate that it had ordered`)
  t.equal(orders().length, 1, 'with the order of the dead hub')
  t.equal(authority.seen.filter(isFinalized).filter(({ status }) => status === 200).length, 1)

  const c = await site.startHub('hub-c')
  t.equal(await handshake(c.port, HUB, root), `DNS:${HUB}`, 'a new hub has the certificate at once')

  // hub-b orders, and the authority reaches only hub-c.
  site.balanceTo(c)
  await b.api('POST', '/apps', {
    kind: 'app',
    version: 'v1',
    metadata: { name: 'wiki' },
    spec: { uri: 'http://127.0.0.1:9', agents: ['node-1'], public_addr: hostOf('wiki') },
  })
  for (const { name, port } of [b, c])
    await until(
      async () => (await handshake(port, hostOf('wiki'), root)) === `DNS:${hostOf('wiki')}`,
      `${name} serves the app`,
    )
  t.equal(orders().length, 2, 'one hub has ordered it')
  const all = await c.api<readonly Listed[]>('GET', '/certificates')
  t.match(
    all.map(({ name, state }) => [name, state]),
    [
      [HUB, 'valid'],
      [hostOf('wiki'), 'valid'],
    ],
  )
  t.strictSame(await b.api('GET', '/certificates'), all, 'both report the same')
})
