/** The ways to prove names other than TLS-ALPN-01, each in a hub against a real authority; DNS-01 with a real BIND. */
import t from 'tap'
import { rfc2136Provider } from '../../../plugins/acme/rfc2136-provider.ts'
import { until } from '../../until.ts'
import { acmeOf, freePorts, HUB, handshake, hostOf, listed, register, startHub } from './hub-with-acme.ts'
import { startBind } from './start-bind.ts'
import { startPebble } from './start-pebble.ts'

t.setTimeout(300_000)

const ZONE = 'mezite.localhost'

t.test('DNS-01 at a BIND with a TSIG key: one wildcard certificate for all apps', async (t) => {
  const ports = await freePorts()
  const proof = (name: string) => `_acme-challenge.${name}.${ZONE}`
  const bind = await startBind(ZONE, ['hub', 'apps'].map(proof))
  t.teardown(() => bind.close())
  const signal = AbortSignal.timeout(60_000)
  const options = {
    ...{ server: bind.address, zone: null, keyName: bind.keyName, keySecret: bind.keySecret },
    ...{ algorithm: 'hmac-sha256' as const, now: Date.now },
  }
  const record = (value: string, name = proof('apps')) => ({ name, value })
  const provider = rfc2136Provider(options)
  for (const value of ['one', 'two', 'two']) await provider.present(record(value), signal)
  t.strictSame([...(await bind.txt(proof('apps')))].sort(), ['one', 'two'])
  await provider.cleanup(record('one'), signal)
  await provider.cleanup(record('one'), signal)
  t.strictSame(await bind.txt(proof('apps')), ['two'], 'other values stay')
  await t.rejects(provider.present(record('x', `www.${ZONE}`), signal), {
    message: /REFUSED: the update-policy/,
  })
  await t.rejects(provider.present(record('x', 'www.example.com'), signal), {
    message: /does not have the zone/,
  })
  const wrong = { ...options, keySecret: Buffer.from('wrong').toString('base64') }
  await t.rejects(rfc2136Provider(wrong).present(record('x'), signal), {
    message: /NOTAUTH: key, secret or clock/,
  })
  const late = { ...options, now: () => Date.now() - 3_600_000 }
  await t.rejects(rfc2136Provider(late).present(record('x'), signal), { message: /NOTAUTH/ })
  await provider.cleanup(record('two'), signal)

  const pebble = await startPebble({ ...ports, dnsServer: bind.address })
  t.teardown(() => pebble.close())
  process.env.MEZITE_TEST_TSIG = bind.keySecret
  t.teardown(() => delete process.env.MEZITE_TEST_TSIG)
  const dns = {
    ...{ provider: 'rfc2136', server: bind.address, key_name: bind.keyName },
    key_secret: { env: 'MEZITE_TEST_TSIG' },
  }
  const hub = await startHub(ports, acmeOf(pebble, { dns }))
  t.teardown(() => hub.stop())
  const ca = await pebble.root()
  const names = `DNS:*.apps.${ZONE}, DNS:${HUB}`
  await until(async () => (await handshake(ports.tlsPort, HUB, ca)) === names, 'one certificate for both')
  await register(hub, 'wiki')
  t.equal(await handshake(ports.tlsPort, hostOf('wiki'), ca), names, 'an app has it at once')
  t.equal((await listed(hub)).length, 1)
  t.strictSame(await bind.txt(proof('apps')), [], 'the records are gone')
})

t.test(
  'HTTP-01, an external account, short-lived certificates, and a directory after one that is away',
  async (t) => {
    const ports = await freePorts()
    const mac = Buffer.alloc(32, 7).toString('base64url')
    const pebble = await startPebble({ ...ports, validitySeconds: 6 * 86_400, accounts: { 'kid-1': mac } })
    t.teardown(() => pebble.close())
    process.env.MEZITE_TEST_HMAC = mac
    t.teardown(() => delete process.env.MEZITE_TEST_HMAC)
    const acme = acmeOf(pebble, {
      directory: ['https://127.0.0.1:9/dir', pebble.directory],
      challenge: 'http-01',
      external_account: { kid: 'kid-1', hmac: { env: 'MEZITE_TEST_HMAC' } },
    })
    const hub = await startHub(ports, acme)
    t.teardown(() => hub.stop())
    const ca = await pebble.root()
    await until(
      async () => (await handshake(ports.tlsPort, HUB, ca)) === `DNS:${HUB}`,
      'by the second directory',
    )
    const [one] = await listed(hub)
    const days = (time: string | null | undefined) =>
      Math.round((Date.parse(time ?? '') - Date.now()) / 86_400_000)
    t.strictSame([days(one?.not_after), days(one?.next_attempt)], [6, 4], 'renewed after two thirds')
    const { attention } = await hub.api<{ attention: { subject: string }[] }>('GET', '/status')
    t.notOk(
      attention.some(({ subject }) => subject === HUB),
      'nobody is warned of an expiry that is planned',
    )
  },
)
