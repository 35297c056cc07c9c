// together: quick
/** The parts of the plugin acme that need no hub. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { dnsProviders } from '@mezite/core'
import { createTestHost, fakeClock, testCertificate } from '@mezite/core/testing'
import t from 'tap'
import cloudflare from '../../../examples/cloudflare-dns/hub.ts'
import { waiting } from '../../../plugins/acme/attempts.ts'
import { checkedChain } from '../../../plugins/acme/chain-check.ts'
import { configFaults, settingsOf } from '../../../plugins/acme/config.ts'
import { execProvider } from '../../../plugins/acme/exec-provider.ts'
import { plan } from '../../../plugins/acme/plan.ts'
import { mustWait } from '../../../plugins/acme/rate-limits.ts'
import { overdueTime, renewalId, renewalTime } from '../../../plugins/acme/renewal.ts'
import { createSource } from '../../../plugins/acme/source.ts'
import type { Attempt, Store } from '../../../plugins/acme/store.ts'
import { createUpkeep } from '../../../plugins/acme/upkeep.ts'
import { malformedNames } from './malformed-names.ts'

const own = ['hub.test']
const ordered = (name: string, names: readonly string[], ready = true) => ({
  name,
  names,
  ready,
  imported: false,
})

t.test('names that wait together share certificates of at most 50', (t) => {
  const apps = Array.from({ length: 120 }, (_, at) => `app-${String(at).padStart(3, '0')}.apps.test`)
  const { add } = plan({ own, apps, wildcards: [] }, [])
  t.strictSame(
    add.map(({ name, names }) => [name, names.length]),
    [
      ['hub.test', 1],
      ['app-000.apps.test', 50],
      ['app-050.apps.test', 50],
      ['app-100.apps.test', 20],
    ],
    "the hub's own name first, and alone",
  )
  const next = plan(
    { own, apps: [...apps, 'later.apps.test'], wildcards: [] },
    add.map((one) => ordered(one.name, one.names)),
  )
  t.strictSame(next, {
    add: [{ name: 'later.apps.test', names: ['later.apps.test'] }],
    change: [],
    remove: [],
  })
  t.end()
})

t.test("a removed app's certificate is dropped, and a shared one loses the name", (t) => {
  const certificates = [
    ordered('hub.test', own),
    ordered('a.apps.test', ['a.apps.test']),
    ordered('b.apps.test', ['b.apps.test', 'c.apps.test']),
  ]
  t.strictSame(plan({ own, apps: ['c.apps.test'], wildcards: [] }, certificates), {
    add: [],
    change: [{ name: 'b.apps.test', names: ['c.apps.test'] }],
    remove: ['a.apps.test'],
  })
  const again = plan({ own, apps: ['b.apps.test', 'c.apps.test'], wildcards: [] }, [
    ordered('hub.test', own),
    ordered('b.apps.test', ['c.apps.test']),
  ])
  t.strictSame(again.add, [{ name: 'b.apps.test-2', names: ['b.apps.test'] }], 'a name is used once')
  t.end()
})

t.test('a wildcard replaces single certificates, and an imported name is not ordered', (t) => {
  const hosts = { own, apps: ['a.apps.test', 'x.y.apps.test'], wildcards: ['*.apps.test'] }
  const first = plan(hosts, [])
  t.strictSame(
    first.add.map(({ names }) => names),
    [['*.apps.test', 'hub.test'], ['x.y.apps.test']],
  )
  const old = [ordered('hub.test', own), ordered('a.apps.test', ['a.apps.test'])]
  const waits = plan(hosts, old)
  t.strictSame(waits.remove, [], 'the certificate of before serves on')
  const both = [...old, ordered('w', ['*.apps.test']), ordered('x', ['x.y.apps.test'])]
  t.strictSame(plan(hosts, both), { add: [], change: [], remove: ['a.apps.test'] })
  const imported = { name: 'bought', names: ['*.apps.test'], ready: true, imported: true }
  t.strictSame(plan({ ...hosts, wildcards: [] }, [ordered('hub.test', own), imported]).add, [
    { name: 'x.y.apps.test', names: ['x.y.apps.test'] },
  ])
  const replaced = [
    ordered('hub.test', own),
    ordered('a.apps.test', ['a.apps.test']),
    ordered('x', ['x.y.apps.test']),
  ]
  const bought = { name: 'bought', names: ['a.apps.test'], ready: true, imported: true }
  t.strictSame(
    plan({ ...hosts, wildcards: [] }, [...replaced, bought]).remove,
    ['a.apps.test'],
    'an import takes over',
  )
  const covered = plan({ own: ['hub.apps.test'], apps: [], wildcards: ['*.apps.test'] }, [])
  t.strictSame(covered.add[0]!.names, ['*.apps.test'], 'authorities refuse names that a wildcard covers')
  t.end()
})

t.test('a plan leaves alone certificates that were imported since it was made', async (t) => {
  const row = (name: string) => ({ ...waiting(name, [name]), leaf: null })
  const shared = { ...row('b.apps.test'), names: ['b.apps.test', 'gone.apps.test'] }
  const planned = [row('hub.test'), row('old.apps.test'), shared]
  const written: string[] = []
  const note = async (one: { name: string } | string) => void written.push(JSON.stringify(one))
  const to = {
    certificate: async (name: string) => ({ ...row(name), imported: true }),
    put: note,
    remove: note,
    hide: async () => {},
    change: { audit: note },
  }
  const upkeep = createUpkeep({
    store: {
      certificates: new Map(planned.map((one) => [one.name, { ...one, nextAttempt: Infinity }])),
      write: (body: (statements: typeof to) => Promise<void>) => body(to),
    },
    hosts: () => ({ own, apps: ['a.apps.test', 'b.apps.test'], wildcards: [] }),
    metrics: { counters: () => () => ({ value: 0 }) },
    clock: { now: Date.now },
  } as never)
  t.ok(upkeep.hasWork())
  await upkeep.run(new AbortController().signal)
  t.strictSame(written, [])
})

t.test("the hub's own host is never an app's, also below the domain of the apps", async (t) => {
  const { cert, key } = await testCertificate(['*.apps.test'])
  const wild = { ...waiting('wild', ['*.apps.test']), served: { cert, key }, leaf: new X509Certificate(cert) }
  const store = { version: 1, certificates: new Map([['wild', wild]]), challenges: new Map() }
  const of = (own: readonly string[]) =>
    createSource(
      store as unknown as Store,
      { own, hub: ['hub.apps.test', 'sign-in.apps.test'], names: { appsDomains: ['apps.test'] } },
      fakeClock(),
    )
  const appsOnly = of([])
  for (const host of ['hub.apps.test', 'sign-in.apps.test']) {
    t.notOk(appsOnly.covers(host), `${host}: files serve it`)
    t.equal(appsOnly.certificateFor(host), null, `${host} never gets the certificate of the apps`)
  }
  t.ok(appsOnly.covers('wiki.apps.test'))
  t.equal(appsOnly.certificateFor('wiki.apps.test'), wild.served)
  for (const host of ['apps.test', '.apps.test', 'apps.test.evil.test', 'wikiapps.test'])
    t.notOk(appsOnly.covers(host), host)
  t.ok(of(['hub.apps.test']).covers('hub.apps.test'), 'unless the plugin orders it')
})

t.test("orders respect the authority's limits", (t) => {
  const now = Date.UTC(2030, 0, 8)
  const hour = 3_600_000
  const attempt = (more: Partial<Attempt>): Attempt => ({
    names: ['a'],
    at: now - hour,
    renewal: false,
    issued: true,
    failed: [],
    ...more,
  })
  const next = { names: ['z'], renewal: false }
  const weekly = Array.from({ length: 50 }, (_, at) =>
    attempt({ names: [`n${at}`], at: now - (100 - at) * hour }),
  )
  t.equal(mustWait(weekly.slice(1), next, now), null)
  t.strictSame(mustWait(weekly, next, now), {
    until: now + 68 * hour,
    reason: '50 new certificates in a week',
  })
  t.equal(mustWait(weekly, { ...next, renewal: true }, now), null, 'renewals are not counted')
  const same = Array.from({ length: 5 }, (_, at) =>
    attempt({ names: ['b', 'a'], at: now - (5 - at) * hour, renewal: true }),
  )
  t.match(mustWait(same, { names: ['a', 'b'], renewal: true }, now)?.reason, /same names/)
  const failed = Array.from({ length: 5 }, () => attempt({ issued: false, failed: ['a'], at: now - 60_000 }))
  t.strictSame(mustWait(failed, { names: ['a'], renewal: false }, now)?.until, now + hour - 60_000)
  t.equal(mustWait(failed, next, now), null, 'of this name alone')
  const many = Array.from({ length: 300 }, (_, at) => attempt({ issued: false, names: [`n${at}`] }))
  t.match(mustWait(many, next, now)?.reason, /300 orders/)
  t.end()
})

t.test('V233 chains that browsers would reject are refused', async (t) => {
  const now = Date.now()
  const good = await testCertificate(['a.test', 'b.test'])
  const other = await testCertificate(['a.test'])
  const wild = await testCertificate(['*.test'])
  const [leaf] = good.cert.split(/(?<=-----END CERTIFICATE-----\n)/)
  const check = (cert: string, names: string[] | null = ['a.test', 'b.test'], key = good.key, at = now) =>
    checkedChain(cert, { key, now: at, names })
  t.equal(check(`text before\n${good.cert}text after`).cert, good.cert, 'only certificates are kept')
  t.throws(() => check(good.cert, ['a.test', 'b.test', 'c.test']), /does not name c\.test/)
  t.throws(() => check(good.cert, ['a.test']), /also names b\.test/)
  t.throws(
    () => check(wild.cert, ['a.test'], wild.key),
    /does not name a\.test/,
    'a wildcard is not what was ordered',
  )
  t.throws(() => check(other.cert, ['a.test']), /for another key/)
  t.throws(() => check(`${leaf}${other.ca}`), /did not issue/)
  t.throws(() => check(`${leaf}${other.cert}`), /did not issue/, 'a leaf is not an authority')
  t.throws(() => check('<html>'), /no certificate/)
  const malformed = await malformedNames(now)
  t.throws(() => check(malformed.cert, null, malformed.key), /subjectAltName\) are malformed/)
  t.throws(() => check(`${good.cert}${good.ca.repeat(20)}`), /has 22 certificates/)
  t.throws(() => check(good.cert, null, good.key, now + 91 * 86_400_000), /expired/)
  t.throws(() => check(good.cert, null, good.key, now - 86_400_000), /not valid yet/)
})

t.test('certificates are renewed at two thirds of their lifetime, at different times', async (t) => {
  for (const days of [90, 6]) {
    const leaf = new X509Certificate((await testCertificate(['a.test'])).cert)
    const from = leaf.validFromDate.getTime()
    const until = from + days * 86_400_000
    Object.defineProperty(leaf, 'validToDate', { value: new Date(until) })
    const share = (time: number) => Number(((time - from) / (until - from)).toFixed(3))
    t.strictSame([renewalTime(leaf, 0), renewalTime(leaf, 1)].map(share), [0.667, 0.647])
    t.equal(share(overdueTime(leaf)), 0.833)
  }
  const id = await renewalId(new X509Certificate((await testCertificate(['a.test'])).cert))
  t.match(id, /^[\w-]{20,40}\.[\w-]{20,30}$/, 'RFC 9773, section 4.1')
})

t.test('V234 the exec hook gets arguments without a shell, a deadline, and no secrets', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'hook')
  const log = join(folder, 'log')
  process.env.MEZITE_TEST_SECRET = 'hunter2'
  t.teardown(() => delete process.env.MEZITE_TEST_SECRET)
  writeFileSync(file, `#!/bin/sh\nprintf '%s|' "$@" >>${log}\nenv >>${log}\n`)
  chmodSync(file, 0o755)
  const signal = AbortSignal.timeout(20_000)
  const hook = execProvider([file, '--zone', 'a b'])
  const record = { name: '_acme-challenge.a.test', value: `$(touch ${join(folder, 'pwned')});-x` }
  await hook.present(record, signal)
  await hook.cleanup(record, signal)
  const text = readFileSync(log, 'utf8')
  t.match(text, `--zone|a b|present|${record.name}|${record.value}|`)
  t.match(text, `--zone|a b|cleanup|${record.name}|${record.value}|`)
  t.notMatch(text, /hunter2/)
  t.notOk(existsSync(join(folder, 'pwned')), 'no shell')
  writeFileSync(file, '#!/bin/sh\necho first >&2\necho the zone is locked >&2\nexit 3\n')
  await t.rejects(hook.present(record, signal), {
    message: `${file} present failed (exit code 3): the zone is locked`,
  })
  writeFileSync(file, '#!/bin/sh\nsleep 100\n')
  await t.rejects(execProvider([file], 200).present(record, signal), { message: /timed out after 0\.2 s/ })
  await t.rejects(execProvider(['/nowhere']).present(record, signal), { message: /ENOENT/ })
})

t.test('the configuration reports missing settings', (t) => {
  const base = { email: 'a@example.com', accept_terms: true }
  const keys = (config: object) =>
    configFaults(config as Parameters<typeof configFaults>[0]).map(({ path }) => path.join('.'))
  t.strictSame(keys({}), [], 'inactive')
  t.strictSame(keys(base), [])
  t.strictSame(
    settingsOf({ ...base, directory: ['letsencrypt-staging', 'https://ca.example/dir'] })?.directories,
    ['https://acme-staging-v02.api.letsencrypt.org/directory', 'https://ca.example/dir'],
  )
  t.strictSame(settingsOf(base)?.directories, ['https://acme-v02.api.letsencrypt.org/directory'])
  t.equal(settingsOf(base)?.keyType, 'p256')
  t.equal(settingsOf({}), null)
  t.strictSame(keys({ accept_terms: true }), ['email'])
  t.strictSame(keys({ email: 'a@example.com' }), ['accept_terms'])
  t.strictSame(keys({ ...base, ca_file: '/nowhere' }), ['ca_file'])
  t.strictSame(keys({ ...base, dns: { provider: 'exec', command: ['hook'] } }), ['dns.command'])
  t.strictSame(keys({ ...base, dns: { provider: 'rfc2136' } }), [
    'dns.server',
    'dns.key_name',
    'dns.key_secret',
  ])
  t.strictSame(keys({ ...base, dns: { provider: 'cloudflare', zone: 'x' }, challenge: 'http-01' }), [
    'dns.zone',
    'challenge',
  ])
  t.end()
})

t.test('cloudflare-dns adds and removes one value of a name', async (t) => {
  const records = new Map([['1', { type: 'TXT', name: '_acme-challenge.a.example.test', content: 'other' }]])
  const seen: string[] = []
  const server = createServer(async (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url!, 'http://x')
    const reply = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body))
    const fail = (message: string) => reply(400, { success: false, errors: [{ message }] })
    seen.push(`${request.method} ${pathname}`)
    if (request.headers.authorization !== 'Bearer secret') return fail('Authentication error')
    if (pathname === '/zones')
      return reply(200, { success: true, result: query.get('name') === 'example.test' ? [{ id: 'z' }] : [] })
    const id = pathname.split('/')[4]
    if (request.method === 'DELETE') records.delete(id!)
    if (request.method === 'POST') {
      const record = (await json(request)) as { type: string; name: string; content: string }
      if ([...records.values()].some((one) => one.name === record.name && one.content === record.content))
        return fail('An identical record already exists.')
      records.set(String(records.size + 1), record)
    }
    const found = [...records].filter(
      ([, one]) => one.name === query.get('name') && one.content === query.get('content'),
    )
    reply(200, { success: true, result: found.map(([id]) => ({ id })) })
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const open = (token: string) => {
    process.env.CLOUDFLARE_TOKEN = token
    const [provider] = createTestHost(cloudflare, {
      config: { token: { env: 'CLOUDFLARE_TOKEN' }, api },
    }).slot(dnsProviders)
    return provider!
  }
  t.teardown(() => delete process.env.CLOUDFLARE_TOKEN)
  const provider = open('secret')
  const signal = AbortSignal.timeout(20_000)
  const record = { name: '_acme-challenge.a.example.test', value: 'proof' }
  const values = () => [...records.values()].map(({ content }) => content)
  await provider.present(record, signal)
  await provider.present(record, signal)
  t.strictSame(values(), ['other', 'proof'])
  await provider.cleanup(record, signal)
  await provider.cleanup(record, signal)
  t.strictSame(values(), ['other'])
  t.ok(seen.includes('POST /zones/z/dns_records'))
  await t.rejects(provider.present({ ...record, name: 'x.other.test' }, signal), { message: /sees no zone/ })
  await t.rejects(open('wrong').present(record, signal), { message: /Authentication error$/ })
})
