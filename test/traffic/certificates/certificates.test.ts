// together: quick
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { systemClock } from '@mezite/core/protocol'
import { testCertificate } from '@mezite/core/testing'
import t from 'tap'
import type { CertificateSource } from '../../../core/api/certificates.ts'
import {
  certificateForDevelopment,
  type DevelopmentOptions,
  developmentCertificate,
  developmentFiles,
} from '../../../core/program/parts/development-certificate.ts'
import {
  type CertificatesOptions,
  createCertificates,
} from '../../../core/traffic/certificates/certificates.ts'
import { createListener } from '../../../core/traffic/listener/listener.ts'
import { until } from '../../until.ts'
import { names } from '../../web/server/start-web.ts'
import { quietLog } from '../listener/quiet-log.ts'

const root = mkdtempSync(join(tmpdir(), 'mez-cert-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
const HUB = 'hub.mezite.localhost'
const APPS = '*.apps.mezite.localhost'

/** Key pair files for the names, made anew. */
async function pair(label: string, ...sans: string[]) {
  const dir = join(root, label)
  mkdirSync(dir, { recursive: true })
  await developmentCertificate(dir, sans, systemClock)
  return { certFile: join(dir, developmentFiles.cert), keyFile: join(dir, developmentFiles.key) }
}

async function make(
  options: Partial<CertificatesOptions & Omit<DevelopmentOptions, 'log'>>,
  lines: string[] = [],
) {
  const log = quietLog(lines)
  const { listenAddr = '127.0.0.1:0', dataDir = join(root, 'data'), allowed = false, ...rest } = options
  const { clock = systemClock } = rest
  const certificates = createCertificates({
    publicNames: names,
    main: null,
    apps: null,
    develop: (sans) => certificateForDevelopment(sans, { listenAddr, dataDir, allowed, clock, log }),
    log,
    reloadMs: 50,
    ...rest,
  })
  await certificates.open()
  return certificates
}

t.test('the development certificate is stored and reused', async (t) => {
  const first = await make({})
  t.teardown(first.close)
  t.ok(first.development)
  t.strictSame(first.covers('a.apps.mezite.localhost'), { ok: true, sans: [HUB, APPS] })
  for (const host of ['a.b.apps.mezite.localhost', 'apps.mezite.localhost', 'evil.test']) {
    t.notOk(first.covers(host).ok, host)
  }
  const data = join(root, 'data')
  t.equal(statSync(join(data, developmentFiles.key)).mode & 0o777, 0o600)
  const ca = new X509Certificate(readFileSync(join(data, developmentFiles.ca)))
  t.ok(ca.ca)
  t.ok(new X509Certificate(String(first.browserTls().cert)).verify(ca.publicKey))
  const keys = readdirSync(data).filter((file) =>
    readFileSync(join(data, file), 'utf8').includes('PRIVATE KEY'),
  )
  t.strictSame(keys, [developmentFiles.key], 'the authority’s key is nowhere')
  const second = await make({})
  t.teardown(second.close)
  t.equal(second.browserTls().cert, first.browserTls().cert, 'kept over a restart')
  const later = { ...systemClock, now: () => Date.now() + 61 * 86_400_000 }
  const third = await make({ clock: later })
  t.teardown(third.close)
  t.not(third.browserTls().cert, first.browserTls().cert, 'made anew near its end')
})

t.test('the development certificate is limited to loopback unless more is requested', async (t) => {
  const publicNames = {
    ...names,
    hubOrigin: 'https://hub.test',
    signInOrigin: 'https://hub.test',
    appsDomain: 'a.test',
    appsDomains: ['a.test'],
  }
  const real = { publicNames, listenAddr: '0.0.0.0:3080', dataDir: join(root, 'real') }
  await t.rejects(make(real), { code: 'MEZ_CERTIFICATE_MISSING' })
  await t.rejects(make({ ...real, listenAddr: '127.0.0.1.evil.test:1' }), { code: 'MEZ_CERTIFICATE_MISSING' })
  for (const more of [{ allowed: true }, { listenAddr: '127.0.0.1:1' }, { publicNames: names }]) {
    const certificates = await make({ ...real, ...more })
    certificates.close()
  }
})

t.test('files that cannot serve stop the start', async (t) => {
  await t.rejects(make({ main: await pair('hub-only', HUB) }), {
    code: 'MEZ_CERTIFICATE_NAMES',
    message: /only hub/,
  })
  const good = await pair('good', HUB, APPS)
  const other = await pair('other', HUB, APPS)
  await t.rejects(make({ main: { ...good, keyFile: other.keyFile } }), { code: 'MEZ_CERTIFICATE_INVALID' })
  await t.rejects(make({ main: { ...good, certFile: '/nowhere' } }), { code: 'MEZ_CERTIFICATE_INVALID' })
  chmodSync(other.keyFile, 0o644)
  await t.rejects(make({ main: other }), { code: 'MEZ_CERTIFICATE_INVALID', message: /chmod o=/ }, 'K147')
  const one = await make({ main: await pair('one-app', HUB, 'wiki.apps.mezite.localhost') })
  t.ok(one.covers('wiki.apps.mezite.localhost').ok)
  t.notOk(one.covers('b.apps.mezite.localhost').ok)
  t.notOk(one.development)
  one.close()
})

t.test(
  'fault 30: changed files are loaded, broken ones keep the old pair, and no connection drops',
  async (t) => {
    const lines: string[] = []
    const main = await pair('main', HUB)
    const apps = await pair('apps', APPS)
    const certificates = await make({ main, apps }, lines)
    t.teardown(certificates.close)
    const front = createListener({
      listenAddr: '127.0.0.1:0',
      certificates,
      authorities: { hubIdentity: async () => ({ key: '', cert: '' }), bundle: () => [] },
      protocols: [],
      browsers: (socket) => void socket.on('error', () => {}).pipe(socket),
      log: quietLog(),
    })
    t.teardown(front.close)
    const { port } = await front.listen()
    const kept = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: HUB })
    kept.on('error', () => {})
    t.teardown(() => kept.destroy())
    const shown = (servername?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect({
          port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          ...(servername && { servername }),
        })
        socket.on('error', reject)
        socket.on('secureConnect', () => {
          resolve(socket.getPeerCertificate().fingerprint256)
          socket.destroy()
        })
      })
    const print = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256
    t.equal(await shown(HUB), print(main.certFile))
    t.equal(await shown(), print(main.certFile))
    t.equal(await shown('a.apps.mezite.localhost'), print(apps.certFile))

    const until = async (what: () => boolean | Promise<boolean>) => {
      for (let i = 0; i < 1_000 && !(await what()); i++)
        await new Promise((resolve) => setTimeout(resolve, 30))
      return what()
    }
    const old = print(main.certFile)
    writeFileSync(main.certFile, 'broken')
    t.ok(await until(() => lines.some((line) => line.includes('still using the old certificate'))))
    t.equal(await shown(HUB), old)
    const [state] = certificates.states()
    t.match(
      state?.problem,
      /^the changed file cannot be used: .*main.*; the certificate of before is served until 20/,
    )
    const next = await pair('next', HUB)
    copyFileSync(next.certFile, main.certFile)
    t.equal(await shown(HUB), old, 'a certificate without its key is not taken')
    copyFileSync(next.keyFile, main.keyFile)
    t.ok(await until(async () => (await shown(HUB)) === print(next.certFile)))
    t.equal(await shown(), print(next.certFile), 'without SNI too')
    t.equal(certificates.states()[0]?.problem, null)
    const echo = once(kept, 'data', { signal: AbortSignal.timeout(30_000) })
    kept.write('still there')
    t.equal(String((await echo)[0]), 'still there', 'a connection of before goes on')
  },
)

t.test('a certificate causes a warning before it expires, and an expired one stops the start', async (t) => {
  const main = await pair('expiring', HUB, APPS)
  const expires = new X509Certificate(readFileSync(main.certFile)).validToDate.getTime()
  const at = (ms: number) => ({ ...systemClock, now: () => ms })
  const lines: string[] = []
  const early = await make({ main, clock: at(expires - 30 * 86_400_000) }, lines)
  early.close()
  t.strictSame(early.states(), [{ subject: 'https_keypair', names: [HUB, APPS], expires, problem: null }])
  t.notMatch(lines.join('\n'), /expires soon/)
  const late = await make({ main, clock: at(expires - 20 * 86_400_000) }, lines)
  late.close()
  t.match(lines.join('\n'), /expires soon/)
  await t.rejects(make({ main, clock: at(expires + 1_000) }), { code: 'MEZ_CERTIFICATE_INVALID' })
})

t.test('a certificate file that stays unusable is reported once, and again each hour', async (t) => {
  const main = await pair('unusable', HUB, APPS)
  let monotonic = 0
  const lines: string[] = []
  const certificates = await make({ main, clock: { ...systemClock, monotonic: () => monotonic } }, lines)
  t.teardown(certificates.close)
  writeFileSync(main.certFile, 'not a certificate')
  const reports = () => lines.filter((line) => line.includes('failed to load a changed certificate')).length
  await until(() => reports() === 1, 'it is reported')
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(reports(), 1, 'once')
  monotonic += 3_600_001
  await until(() => reports() === 2, 'and again after an hour')
})

/** A source of a plugin, with what it serves and proves now. */
function sourceOf(more: Partial<CertificateSource> = {}) {
  const served = new Map<string, { cert: string; key: string } | null>()
  const proved = new Map<string, { cert: string; key: string }>()
  const source: CertificateSource = {
    name: 'test',
    covers: (host) => served.has(host),
    certificateFor: (host) => served.get(host) ?? null,
    states: () =>
      [...served.keys()].map((subject) => ({ subject, names: [subject], expires: null, problem: null })),
    alpn: 'acme-tls/1',
    alpnCertificate: (host) => proved.get(host) ?? null,
    ...more,
  }
  return { source, served, proved }
}

/** What a client sees that sends this name and these ALPN names: names of the certificate, ALPN name, or the error. */
async function handshake(port: number, servername: string | null, ...ALPNProtocols: string[]) {
  const socket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols,
    ...(servername !== null && { servername }),
  })
  const failed = once(socket, 'error').then(([error]) => String(error.reason ?? error.code))
  const done = once(socket, 'secureConnect').then(() => {
    const { subjectaltname } = socket.getPeerCertificate()
    socket.destroy()
    return `${subjectaltname} ${socket.alpnProtocol || 'none'}`
  })
  return Promise.race([failed, done])
}

t.test('V231 a source serves its hosts, and answers only challenges that it expects', async (t) => {
  const app = 'wiki.apps.mezite.localhost'
  const { source, served, proved } = sourceOf()
  const lines: string[] = []
  served.set(HUB, await testCertificate([HUB]))
  served.set(app, null)
  const certificates = await make({ sources: () => [source], dataDir: join(root, 'sourced') }, lines)
  t.teardown(certificates.close)
  t.notOk(certificates.development, 'no development certificate, and so HSTS')
  t.strictSame(certificates.covers(app), { ok: true, sans: [] })
  t.notOk(certificates.covers('other.apps.mezite.localhost').ok)
  const front = createListener({
    listenAddr: '127.0.0.1:0',
    certificates,
    authorities: { hubIdentity: async () => ({ key: '', cert: '' }), bundle: () => [] },
    protocols: [],
    browsers: (socket) => void socket.on('error', () => {}).end(),
    log: quietLog(),
  })
  t.teardown(front.close)
  const { port } = await front.listen()
  t.equal(await handshake(port, HUB, 'http/1.1'), `DNS:${HUB} http/1.1`)
  t.equal(await handshake(port, null, 'http/1.1'), `DNS:${HUB} http/1.1`, 'clients without a name')
  t.equal(await handshake(port, 'evil.test', 'http/1.1'), `DNS:${HUB} http/1.1`, 'names that nobody covers')
  const refused = /unrecognized name/
  t.match(await handshake(port, app, 'http/1.1'), refused, 'no certificate yet: an alert')
  served.set(app, await testCertificate(['other.apps.mezite.localhost']))
  t.match(await handshake(port, app, 'http/1.1'), refused, 'a certificate for another name is not served')
  t.match(lines.join(), /its certificate names other\.apps/)
  const { cert } = await testCertificate([app])
  served.set(app, { cert, key: served.get(HUB)!.key })
  t.match(await handshake(port, app, 'http/1.1'), refused, 'nor one whose key does not match')
  served.set(app, await testCertificate([app]))
  t.equal(await handshake(port, app, 'http/1.1'), `DNS:${app} http/1.1`)
  const next = await testCertificate([app])
  served.set(app, next)
  t.equal(await handshake(port, app, 'h2'), `DNS:${app} h2`, 'a renewed one at once')

  t.match(await handshake(port, app, 'acme-tls/1'), refused, 'nothing to prove')
  proved.set(app, await testCertificate([app, 'proof.test']))
  t.equal(await handshake(port, app, 'acme-tls/1'), `DNS:${app}, DNS:proof.test acme-tls/1`)
  t.equal(await handshake(port, app, 'http/1.1'), `DNS:${app} http/1.1`, 'browsers never see the proof')
  for (const name of [HUB, 'evil.test', null]) t.match(await handshake(port, name, 'acme-tls/1'), refused)
  t.match(
    await handshake(port, app, 'acme-tls/1', 'http/1.1'),
    /no application protocol/,
    'mixed with others',
  )
  await until(() => front.connections === 0, 'the hub closes every connection of a proof')
})

t.test('files take precedence over sources, which must cover the hub’s host otherwise', async (t) => {
  const app = 'wiki.apps.mezite.localhost'
  const { source, served } = sourceOf()
  served.set(HUB, await testCertificate(['wrong.test']))
  served.set(app, null)
  const main = await pair('before', HUB)
  const certificates = await make({ main, sources: () => [source] })
  t.teardown(certificates.close)
  t.ok(certificates.serves(HUB), 'by the file')
  t.notOk(certificates.serves(app), 'the certificate of the hub does not stand in for that of an app')
  t.ok(certificates.serves('b.apps.mezite.localhost'), 'which no source covers')
  t.strictSame(
    certificates.states().map(({ subject }) => subject),
    ['https_keypair', HUB, app],
  )

  const publicNames = { ...names, hubOrigin: 'https://hub.test', signInOrigin: 'https://hub.test' }
  const real = { publicNames, listenAddr: '0.0.0.0:3080', dataDir: join(root, 'covered') }
  await t.rejects(make({ ...real, sources: () => [source] }), {
    code: 'MEZ_CERTIFICATE_MISSING',
    message: /for hub\.test/,
  })
  served.set('hub.test', null)
  const waiting = await make({ ...real, sources: () => [source] })
  t.teardown(waiting.close)
  t.notOk(waiting.serves('hub.test'), 'it starts, and waits')
  const twice = await make({ ...real, sources: () => [source, sourceOf().source] })
  t.teardown(twice.close)
  t.throws(twice.proofs, { code: 'MEZ_SERVICE_TWICE' })
})

t.test('V230 a source that throws serves nothing, and does not stop the hub', async (t) => {
  const broken = () => {
    throw new Error('broken')
  }
  const { source } = sourceOf({
    covers: broken,
    certificateFor: broken,
    states: broken,
    alpnCertificate: broken,
  })
  const certificates = await make({ main: await pair('throws', HUB), sources: () => [source] })
  t.teardown(certificates.close)
  t.ok(certificates.serves('b.apps.mezite.localhost'))
  t.equal(certificates.proofs().get('acme-tls/1')!('a.test'), null)
  t.equal(certificates.states().length, 1)
})
