// needs: pebble
// long
/** The ways to prove names other than TLS-ALPN-01, each in a hub against a real authority; DNS-01 with a real BIND. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, testCertificate } from '@mezite/core/testing'
import t from 'tap'
import { acmeOf, startPebble } from '../../../examples/cluster/pebble.ts'
import { issuerOf } from '../../../plugins/acme/chain-check.ts'
import { nameFaults } from '../../../plugins/acme/name-check.ts'
import { rfc2136Provider } from '../../../plugins/acme/rfc2136-provider.ts'
import { runLines } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { freePorts, HUB, handshake, hostOf, listed, register, startHub } from './hub-with-acme.ts'
import { startBind } from './start-bind.ts'

t.setTimeout(900_000)

const ZONE = 'mezite.localhost'
/** More lines of the zone. */
const RECORDS = [
  'none IN TXT "no address"',
  'inside IN A 10.1.2.3',
  'elsewhere IN CAA 0 issue "other.example"',
  'www.elsewhere IN A 127.0.0.1',
  'allowed IN CAA 0 issue "ca.example; account=1"',
  'nobody IN CAA 0 issue ";"',
  'wild IN CAA 0 issue "ca.example"',
  'wild IN CAA 0 issuewild ";"',
  // The address of `*` is only for names without records.
  ...['elsewhere', 'allowed', 'nobody', 'wild'].map((name) => `${name} IN A 127.0.0.1`),
]

t.test('DNS-01 at a BIND with a TSIG key gets one wildcard certificate for all apps', async (t) => {
  const ports = await freePorts()
  const proof = (name: string) => `_acme-challenge.${name}.${ZONE}`
  const bind = await startBind(ZONE, ['hub', 'apps'].map(proof), RECORDS)
  t.teardown(() => bind.close())
  const signal = AbortSignal.timeout(60_000)
  const options = {
    server: bind.address,
    zone: null,
    keyName: bind.keyName,
    keySecret: bind.keySecret,
    algorithm: 'hmac-sha256' as const,
    now: Date.now,
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

  await t.test('faults that would fail an order are found by DNS before it', async (t) => {
    const found = async (names: readonly string[], publicOnly: boolean) =>
      Object.fromEntries(
        await nameFaults(names, {
          resolvers: [bind.address],
          authority: ['ca.example'],
          connects: true,
          publicOnly,
        }),
      )
    const at = (name: string) => `${name}.${ZONE}`
    const fine = ['hub', 'allowed', '*.apps', 'wild', 'any'].map(at)
    const bad = ['none', 'elsewhere', 'www.elsewhere', 'nobody', '*.wild'].map(at)
    const faults = await found([...fine, ...bad], false)
    t.strictSame(Object.keys(faults).sort(), bad.sort())
    t.match(faults, {
      [at('none')]: `DNS has no address for ${at('none')}: add an A or AAAA record that points to this hub`,
      [at('elsewhere')]:
        `the CAA records of ${at('elsewhere')} allow other.example to issue, not ca.example: add`,
      [at('www.elsewhere')]: `the CAA records of ${at('elsewhere')} allow other.example`,
      [at('nobody')]: 'allow nobody to issue',
      [at('*.wild')]: `the CAA records of ${at('wild')} allow nobody to issue`,
    })
    t.match(await found([at('inside')], true), {
      [at('inside')]: /has the private address 10\.1\.2\.3, which the authority cannot reach/,
    })
    t.strictSame(await found([at('inside')], false), {}, 'a private authority may reach it')
  })

  const pebble = await startPebble({ ...ports, dnsServer: bind.address })
  t.teardown(() => pebble.close())
  process.env.MEZITE_TEST_TSIG = bind.keySecret
  t.teardown(() => delete process.env.MEZITE_TEST_TSIG)
  const dns = {
    provider: 'rfc2136',
    server: bind.address,
    key_name: bind.keyName,
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

t.test('DNS-01 by a program of the operator: present and cleanup for each name, and no shell', async (t) => {
  const ports = await freePorts()
  const pebble = await startPebble(ports)
  t.teardown(() => pebble.close())
  const folder = t.testdir()
  const [program, calls] = [join(folder, 'set record'), join(folder, 'calls')]
  writeFileSync(
    program,
    `#!${process.execPath}
const { appendFileSync } = process.getBuiltinModule('node:fs')
const [url, calls, action, name, value] = process.argv.slice(2)
fetch(url + (action === 'present' ? '/set-txt' : '/clear-txt'), {
  method: 'POST',
  body: JSON.stringify({ host: name + '.', value }),
}).then(({ ok, status }) => {
  if (!ok) throw new Error('HTTP ' + status)
  appendFileSync(calls, JSON.stringify([action, name, Object.keys(process.env)]) + '\\n')
})
`,
    { mode: 0o755 },
  )
  // A shell would take the words apart, and end at the semicolon.
  const dns = { provider: 'exec', command: [program, pebble.dnsManagement, `${calls}; exit 1`] }
  const hub = await startHub(ports, acmeOf(pebble, { dns }))
  t.teardown(() => hub.stop())
  const ca = await pebble.root()
  const names = `DNS:*.apps.${ZONE}, DNS:${HUB}`
  await until(async () => (await handshake(ports.tlsPort, HUB, ca)) === names, 'one certificate for both')
  await register(hub, 'wiki')
  t.equal(await handshake(ports.tlsPort, hostOf('wiki'), ca), names, 'an app has it at once')
  const made = () =>
    readFileSync(`${calls}; exit 1`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as [string, string, string[]])
  const proof = (name: string) => `_acme-challenge.${name}.${ZONE}`
  await until(() => made().length === 4, 'the records are gone')
  t.strictSame(
    made()
      .map(([action, name]) => `${action} ${name}`)
      .sort(),
    ['apps', 'hub'].flatMap((name) => [`cleanup ${proof(name)}`, `present ${proof(name)}`]).sort(),
  )
  for (const [, , variables] of made()) t.strictSame(variables, ['PATH'], 'no secrets of the hub')
})

t.test('without a port for plain HTTP, names are proved on port 443 alone', async (t) => {
  const ports = await freePorts()
  // The authority looks at a port where no hub is.
  const pebble = await startPebble({ ...ports, tlsPort: await freePort() })
  t.teardown(() => pebble.close())
  const hub = await startHub(ports, acmeOf(pebble), {}, { redirect_addr: undefined })
  t.teardown(() => hub.stop())
  const failures = async () =>
    (await hub.api<{ error: string }[]>('GET', '/audit?type=cert.failed')).map(({ error }) => error)
  for (const count of [1, 2, 3]) {
    await until(async () => (await failures()).length >= count, `attempt ${count}`)
    await hub.api('POST', `/certificates/${HUB}/renew`)
  }
  t.strictSame(
    (await failures())
      .map((error) => /(tls-alpn|http)-01/.exec(error)?.[0])
      .filter((one) => one !== 'tls-alpn-01'),
    [],
  )
})

t.test('certs ls shows the certificates of files and of other sources, also without ACME', async (t) => {
  const names = [HUB, '*.apps.mezite.localhost']
  const own = await testCertificate(names)
  const folder = t.testdir({ 'cert.pem': own.cert })
  const https_keypair = { cert_file: join(folder, 'cert.pem'), key_file: join(folder, 'key.pem') }
  writeFileSync(https_keypair.key_file, own.key, { mode: 0o600 })
  const hub = await startHub(await freePorts(), {}, {}, { https_keypair })
  t.teardown(() => hub.stop())
  const expires = new X509Certificate(own.cert).validToDate
  t.match(await listed(hub), [
    { name: 'https_keypair', names, state: 'valid', not_after: expires.toISOString() },
  ])
  const [table, one, none] = await runLines(
    ['certs ls', 'certs get https_keypair --json', 'certs get other'],
    { MEZITE_DATA_DIR: hub.dataDir },
  )
  t.match(table?.out, /^https_keypair +valid +2 +\S/m)
  t.match(JSON.parse(one?.out ?? ''), { not_after: expires.toISOString() })
  t.match(none?.err, /There is no certificate other/)
})

t.test(
  'HTTP-01 works for apps alone, with an external account, short lifetimes, another chain and a second directory',
  async (t) => {
    const ports = await freePorts()
    const mac = Buffer.alloc(32, 7).toString('base64url')
    const pebble = await startPebble({
      ...ports,
      validitySeconds: 6 * 86_400,
      accounts: { 'kid-1': mac },
      env: { PEBBLE_ALTERNATE_ROOTS: '1' },
    })
    t.teardown(() => pebble.close())
    process.env.MEZITE_TEST_HMAC = mac
    t.teardown(() => delete process.env.MEZITE_TEST_HMAC)
    const [usual, other] = [await pebble.root(0), await pebble.root(1)]
    const acme = acmeOf(pebble, {
      directory: ['https://127.0.0.1:9/dir', pebble.directory],
      challenge: 'http-01',
      for: 'apps',
      preferred_chain: issuerOf(new X509Certificate(other)),
      external_account: { kid: 'kid-1', hmac: { env: 'MEZITE_TEST_HMAC' } },
    })
    const own = await testCertificate([HUB])
    const folder = t.testdir({ 'cert.pem': own.cert })
    const https_keypair = { cert_file: join(folder, 'cert.pem'), key_file: join(folder, 'key.pem') }
    writeFileSync(https_keypair.key_file, own.key, { mode: 0o600 })
    const hub = await startHub(ports, acme, {}, { https_keypair })
    t.teardown(() => hub.stop())
    await register(hub, 'wiki')
    const host = hostOf('wiki')
    await until(
      async () => (await handshake(ports.tlsPort, host, other)) === `DNS:${host}`,
      'by the second directory, with the chain that is preferred',
    )
    t.match(await handshake(ports.tlsPort, host, usual), /unable to get|self.signed|UNABLE/i, 'and no other')
    t.equal(await handshake(ports.tlsPort, HUB, own.ca), `DNS:${HUB}`, "the hub's own comes from the files")
    const [file, one, ...more] = await listed(hub)
    t.match(file, { name: 'https_keypair', state: 'valid' })
    t.strictSame(more, [], 'and is not ordered')
    const days = (time: string | null | undefined) =>
      Math.round((Date.parse(time ?? '') - Date.now()) / 86_400_000)
    t.strictSame([days(one?.not_after), days(one?.next_attempt)], [6, 4], 'renewed after two thirds')
    const { attention } = await hub.api<{ attention: { subject: string }[] }>('GET', '/status')
    t.notOk(
      attention.some(({ subject }) => subject === host),
      'nobody is warned of an expiry that is planned',
    )
  },
)
