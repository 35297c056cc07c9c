// needs: pebble
// long
/** The plugin acme in a hub, against a real authority. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { fakeClock, testCertificate } from '@mezite/core/testing'
import t, { type Test } from 'tap'
import { acmeOf, startPebble } from '../../../examples/cluster/pebble.ts'
import { runLines } from '../../oclif-cli/run-program.ts'
import { until } from '../../until.ts'
import { fires } from './certificate-alert.ts'
import { floodNames } from './flood-names.ts'
import {
  freePorts,
  HUB,
  handshake,
  hostOf,
  type Listed,
  leafOf,
  listed,
  register,
  startHub,
  states,
} from './hub-with-acme.ts'
import { malformedNames } from './malformed-names.ts'

t.setTimeout(2_000_000)

/** Calls under way: the embedded database takes one change after the other. */
const AT_ONCE = 5
const DAY_MS = 86_400_000

const ports = await freePorts()
const pebble = await startPebble(ports)
t.teardown(() => pebble.close())
/** Orders that the authority has made, by its numbers; a request may be repeated, because it refuses some nonces. */
const orders = () => new Set([...pebble.log().matchAll(/Added order "([^"]+)"/g)].map(([, id]) => id))

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
function heapBytes(): number {
  collect()
  return process.memoryUsage().heapUsed
}

const secondsOf = (ms: number) => (ms / 1_000).toFixed(1)

t.test('a hub without certificate files orders its certificates', async (t) => {
  const clock = fakeClock()
  const hub = await startHub(ports, acmeOf(pebble), { clock })
  t.teardown(() => hub.stop())
  const ca = await pebble.root()
  const eventsOf = (type: string) =>
    hub.api<readonly Readonly<Record<string, unknown>>[]>('GET', `/audit?type=${type}`)
  const serves = (host: string) => async () =>
    (await handshake(ports.tlsPort, host, ca)).split(', ').includes(`DNS:${host}`)
  const renewalOf = (host: string) => () => hub.api('POST', `/certificates/${host}/renew`)
  /**
   * Waits for what an order brings. One that fails on a busy machine is made again by `ask`, because the clock of this hub
   * brings no second attempt. Returns the milliseconds.
   */
  const ordered = (wait: {
    readonly host: string
    readonly holds: () => Promise<boolean>
    readonly what: string
    readonly ask?: () => Promise<unknown>
  }) =>
    until(async () => {
      const error = (await listed(hub)).find(({ name }) => name === wait.host)?.last_error
      if (error) {
        t.comment(`${wait.host}: ${error}`)
        await (wait.ask ?? renewalOf(wait.host))()
      }
      return wait.holds()
    }, wait.what)
  /** Has it renewed, by the operator or as `ask` does, and waits for the new one: nothing is ordered beside it. Returns the orders. */
  const renew = async (host: string, ask: () => Promise<unknown> = renewalOf(host)) => {
    const serial = async () => (await leafOf(ports.tlsPort, host, ca)).serialNumber
    const before = await serial()
    let made = 0
    const count = () => {
      made += 1
      return ask()
    }
    await count()
    const renewed = async () => (await serial()) !== before
    await ordered({ host, holds: renewed, what: `${host} has a new certificate`, ask: count })
    return made
  }

  await t.test('gets a certificate for its own name, and one for an app when it is registered', async (t) => {
    const first = await ordered({ host: HUB, holds: serves(HUB), what: 'the hub has a certificate' })
    t.comment(`${secondsOf(first)} s from the start of the hub to its first valid handshake`)
    t.match(
      await handshake(ports.tlsPort, hostOf('wiki'), ca),
      /unrecognized name/,
      'no app yet, and no other certificate',
    )
    const { status } = await register(hub, 'wiki')
    t.strictSame(status.certificate, { state: 'ordering', error: null })
    const wiki = hostOf('wiki')
    const took = await ordered({ host: wiki, holds: serves(wiki), what: 'the app has a certificate' })
    t.comment(`${secondsOf(took)} s from the registration of an app to its first valid handshake`)
    t.equal(await handshake(ports.tlsPort, hostOf('wiki'), ca), `DNS:${hostOf('wiki')}`)
    t.strictSame(await states(hub), { [HUB]: 'valid', [hostOf('wiki')]: 'valid' })
    t.match(await hub.api('GET', `/certificates/${HUB}`), {
      issuer: /^Pebble/,
      names: [HUB],
      hub: hostname(),
    })
  })

  await t.test('V230 V231 strangers cannot cause an order or get a proof', async (t) => {
    const before = (await listed(hub)).length
    for (const name of ['evil.test', `x.${HUB}`, 'mezite.localhost', hostOf('unknown')])
      t.match(await handshake(ports.tlsPort, name, ca), /unrecognized name|is not in the cert/, name)
    t.match(await handshake(ports.tlsPort, hostOf('wiki'), ca, 'acme-tls/1'), /unrecognized name/)
    const path = '/.well-known/acme-challenge/token'
    const response = await fetch(`http://127.0.0.1:${ports.httpPort}${path}`, { redirect: 'manual' })
    t.equal(response.status, 308, 'redirected like any other request')
    await t.rejects(register(hub, 'evil', 'www.example.com'), { code: 'resource_invalid' })
    await renew(hostOf('wiki'))
    t.equal((await listed(hub)).length, before)
  })

  await t.test('V232 keys are stored encrypted, and never printed', async (t) => {
    const text = JSON.stringify([await listed(hub), await hub.api('GET', `/certificates/${HUB}`), hub.log])
    t.notMatch(text, /PRIVATE KEY/)
    // Empty with PostgreSQL.
    const folder = join(hub.dataDir, 'database')
    const files = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : []
    const bytes = files
      .filter((one) => one.isFile())
      .map((one) => readFileSync(join(one.parentPath, one.name), 'latin1'))
    if (bytes.length > 0) {
      t.ok(bytes.some((one) => one.includes('acme_certificates')))
      t.notOk(bytes.some((one) => one.includes('PRIVATE KEY')))
    }
  })

  await t.test('orders a few shared certificates for 200 apps', async (t) => {
    const names = Array.from({ length: 200 }, (_, at) => `app-${at}`)
    const began = performance.now()
    for (let at = 0; at < names.length; at += AT_ONCE)
      await Promise.all(
        names.slice(at, at + AT_ONCE).map((name) =>
          // A machine that is busy with other tests may answer that its database is.
          until(
            () =>
              register(hub, name).then(
                () => true,
                (error) => {
                  if (error.status !== 503) throw error
                  return false
                },
              ),
            `${name} is registered`,
          ),
        ),
      )
    t.comment(`200 apps registered in ${secondsOf(performance.now() - began)} s`)
    /** Certificates of names whose proof the authority, which waits for 5 s, did not get from a busy machine. */
    const late = new Set<string>()
    let without = names.length
    const covered = async () => {
      const all = await listed(hub)
      for (const { name, state } of all) {
        if (state !== 'failing') continue
        late.add(name)
        await hub.api('POST', `/certificates/${name}/renew`)
      }
      const valid = new Set(all.filter(({ state }) => state === 'valid').flatMap((one) => one.names))
      const left = names.filter((name) => !valid.has(hostOf(name))).length
      // A file that writes nothing for minutes is taken for one that hangs.
      if (left < without) t.comment(`${left} apps have no certificate yet`)
      without = left
      return left === 0
    }
    await until(covered, 'all have certificates', 900_000).catch(async (error) => {
      for (const one of await listed(hub)) if (one.last_error !== null) t.comment(one)
      throw error
    })
    const count = (await listed(hub)).filter(({ name }) => !late.has(name)).length - 2
    t.comment(`200 apps: ${count} orders, ${secondsOf(performance.now() - began)} s`)
    // Those that wait while an order is made share the next one.
    t.ok(count <= 25, `${count} orders`)
    t.ok(await serves(hostOf('app-199'))())
    for (const name of names) await hub.api('DELETE', `/apps/${name}`)
    await until(async () => (await listed(hub)).length === 2, 'the certificates of removed apps are dropped')
    t.match(await handshake(ports.tlsPort, hostOf('app-199'), ca), /unrecognized name/)
  })

  await t.test('a name that cannot be checked does not delay others, and its reason is shown', async (t) => {
    await pebble.dnsCall('add-caa', {
      host: hostOf('caa'),
      policies: [{ tag: 'issue', value: 'other.example' }],
    })
    await pebble.dnsCall('set-servfail', { host: hostOf('broken') })
    await Promise.all(['caa', 'broken', 'fine'].map((name) => register(hub, name)))
    await until(serves(hostOf('fine')), 'the good one has a certificate')
    await until(async () => (await states(hub))[hostOf('broken')] === 'failing', 'the bad one is failing')
    const all = await listed(hub)
    const broken = all.find(({ name }) => name === hostOf('broken'))
    t.match(broken?.last_error, /broken\.apps|SERVFAIL/i)
    const { attention } = await hub.api<{ attention: { kind: string; subject: string }[] }>('GET', '/status')
    t.match(
      attention.find(({ subject }) => subject === hostOf('broken')),
      { kind: 'certificate' },
    )
    t.match(await handshake(ports.tlsPort, hostOf('broken'), ca), /unrecognized name/)
    await showsFailure(t, hostOf('broken'))
    for (const name of ['caa', 'broken', 'fine']) await hub.api('DELETE', `/apps/${name}`)
    await pebble.dnsCall('clear-servfail', { host: hostOf('broken') })
    await until(async () => (await listed(hub)).length === 2, 'they are gone')
  })

  /** Everywhere that an operator looks. */
  async function showsFailure(t: Test, host: string) {
    const env = { MEZITE_DATA_DIR: hub.dataDir }
    const [ls, get, status, app] = await runLines(
      ['certs ls', `certs get ${host}`, 'status', 'apps get broken'],
      env,
    )
    t.match(ls?.out, new RegExp(`^${host} +failing +1 +- .*\\n[^]*\\n\\n[^]*^${host}: .*broken`, 'm'))
    const table = (ls?.out ?? '').split('\n\n')[0]!.split('\n')
    t.strictSame(
      table.filter((line) => line.length > 80),
      [],
      'fits into 80 columns',
    )
    t.match(get?.out, /broken\.apps/)
    t.match(status?.out, new RegExp(`certificate +${host}[^]*next attempt at`, 'm'))
    t.match(app?.out, /failing/)
    const metrics = await (await fetch(`http://127.0.0.1:${hub.ports.diagnostics}/metrics`)).text()
    t.match(metrics, /^mezite_acme_certificates\{state="failing"\} [12]$/m)
    t.match(metrics, /^mezite_acme_orders_total\{outcome="failed"\} \d+$/m)
    t.match(metrics, /^mezite_acme_orders_total\{outcome="issued"\} \d+$/m)
    t.ok(fires(metrics), 'the alert of the example fires')
    t.notOk(fires(metrics.replace(/(state="failing"\}) \d+/, '$1 0')), 'and only then')
    t.match(hub.log.join(''), /no certificate was issued/)
    const page = await hub.api<{ blocks: unknown[] }>('GET', '/dashboard/pages/certificates')
    t.match(JSON.stringify(page.blocks), new RegExp(`"Last error"\\],"rows":.*\\["${host}",".*broken`))
    t.match(
      (await eventsOf('cert.failed')).find(({ name }) => name === host),
      { success: false, reason: 'order_failed', error: /broken\.apps/ },
    )
  }

  await t.test('the page "Certificates" of the dashboard shows them, and orders one now', async (t) => {
    const { title, blocks } = await hub.api<{
      title: string
      blocks: { kind: string; rows: unknown[][]; method: string; path: string; fields: { name: string }[] }[]
    }>('GET', '/dashboard/pages/certificates')
    t.equal(title, 'Certificates')
    const table = blocks.find(({ kind }) => kind === 'table')
    const form = blocks.find(({ kind }) => kind === 'form')
    t.match(
      table?.rows.find(([name]) => name === HUB),
      [HUB, 'valid', HUB, Number, { time: Number }],
    )
    t.match(form, { kind: 'form', submit: 'Renew now', method: 'POST', fields: [{ name: 'name' }] })
    const path = form!.path.replace('/v1/webapi', '')
    await renew(hostOf('wiki'), () => hub.api('POST', path, { name: hostOf('wiki') }))
    const types = ['cert.issued', 'cert.renewal_requested', 'cert.removed']
    for (const type of types) {
      t.ok((await eventsOf(type)).length > 0, type)
    }
  })

  await t.test('V230 ten thousand names of strangers cause no order and are not stored', async (t) => {
    const names = (await listed(hub)).map(({ name }) => name)
    const before = { orders: orders(), heap: heapBytes() }
    const beganAt = performance.now()
    const answers = await floodNames(ports.tlsPort, 10_000)
    t.comment(`10,000 names in ${secondsOf(performance.now() - beganAt)} s: ${JSON.stringify(answers)}`)
    t.equal(answers.certificate + answers.alert + answers.closed, 10_000)
    t.ok(answers.alert > 0, 'names below the domain of the apps get an alert')
    // Hosts without a certificate would come before it.
    const made = await renew(hostOf('wiki'))
    t.strictSame(
      (await listed(hub)).map(({ name }) => name),
      names,
    )
    t.equal([...orders()].filter((id) => !before.orders.has(id)).length, made, 'only the renewal was ordered')
    const grown = heapBytes() - before.heap
    t.ok(grown < 32 << 20, `${Math.round(grown / 2 ** 20)} MiB more`)
    t.ok(await serves(HUB)(), 'the hub serves on')
  })

  await t.test('imports, manual renewals and removals take effect', async (t) => {
    const { cert, key, ca: own } = await testCertificate([hostOf('wiki')], clock.now())
    const other = await testCertificate(['evil.test'], clock.now())
    await t.rejects(hub.api('PUT', '/certificates/bad', { cert, key: other.key }), {
      code: 'certificate_invalid',
    })
    await t.rejects(hub.api('PUT', '/certificates/bad', { ...(await malformedNames(clock.now())) }), {
      code: 'certificate_invalid',
      message: /subjectAltName\) are malformed/,
    })
    await t.rejects(hub.api('PUT', '/certificates/bad', { cert: other.cert, key: other.key }), {
      message: /names evil\.test, which this hub does not serve/,
    })
    await hub.api('PUT', '/certificates/bought', { cert, key })
    t.equal(
      await handshake(ports.tlsPort, hostOf('wiki'), own),
      `DNS:${hostOf('wiki')}`,
      'it takes the place of the ordered one',
    )
    await until(async () => !(hostOf('wiki') in (await states(hub))), 'which is dropped')
    await t.rejects(hub.api('POST', '/certificates/bought/renew'), { code: 'certificate_imported' })
    await hub.api('DELETE', '/certificates/bought')
    const isValid = async () => (await states(hub))[hostOf('wiki')] === 'valid'
    await ordered({ host: hostOf('wiki'), holds: isValid, what: 'it is ordered again' })
    await t.rejects(hub.api('DELETE', '/certificates/bought'), { code: 'certificate_not_found' })
    const text = hub.log.join('\n')
    t.match(text, /certificate issued/)
  })

  await t.test(
    'fault 44: an authority that is down for a week leaves the old certificate in service',
    async (t) => {
      const before = await hub.api<Listed>('GET', `/certificates/${HUB}`)
      await pebble.stop()
      clock.advance(68 * DAY_MS)
      await hub.ready()
      await hub.api('POST', `/certificates/${HUB}/renew`)
      await until(async () => (await states(hub))[HUB] === 'failing', 'the renewal fails')
      for (let days = 0; days < 7; days++) {
        clock.advance(DAY_MS)
        await hub.ready()
      }
      t.ok(await serves(HUB)(), 'the old one is served')
      t.match(await hub.api('GET', `/certificates/${HUB}`), {
        not_after: before.not_after,
        last_error: /ECONNREFUSED/,
      })
      const { attention } = await hub.api<{ attention: { subject: string; message: string }[] }>(
        'GET',
        '/status',
      )
      t.match(attention.find(({ subject }) => subject === HUB)?.message, /served until/)
      t.match(hub.log.join(''), /no certificate was issued/)
      await pebble.start()
      const root = await pebble.root()
      await renewalOf(HUB)()
      const isNew = async () => (await handshake(ports.tlsPort, HUB, root)) === `DNS:${HUB}`
      await ordered({ host: HUB, holds: isNew, what: 'it is renewed with a new account' })
    },
  )
})
