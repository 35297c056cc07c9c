// together: sign-in
import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, createSecureContext } from 'node:tls'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { createRoot, issueLeaf } from '../../../plugins/local-authority/authority.ts'
import localAuthority from '../../../plugins/local-authority/hub.ts'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import { listenWith } from './listen-with.ts'

const dir = mkdtempSync(join(tmpdir(), 'mezite-local-authority-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

function statusOf(url: string, ca: string): Promise<number | string> {
  return new Promise((resolve) => {
    const { hostname, port, pathname } = new URL(url)
    const options = {
      host: '127.0.0.1',
      port,
      path: pathname,
      servername: hostname,
      headers: { host: `${hostname}:${port}` },
      ca,
      agent: false as const,
    }
    get(options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    }).on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

t.test('a hub without certificate files serves certificates of its own authority', async (t) => {
  const hub = await createTestHub({ plugins: [localAuthority] })
  t.teardown(() => hub.stop())
  const root = await hub.api<string>('GET', '/local-authority/root.pem')
  t.ok(new X509Certificate(root).ca)
  t.equal(await statusOf(`${hub.url}/workload-identity/app-jwt-jwks.json`, root), 200)
  // Signed out: an app's host answers, and with a valid certificate.
  t.equal(await statusOf(`${hub.appUrl('grafana')}/`, root), 401)
  const other = await createRoot(['hub.mezite.localhost'], Date.now())
  t.type(await statusOf(`${hub.url}/web/login`, other.cert), 'string', 'another root does not do')
  const { certificates } = await hub.api<{ certificates: { subject: string }[] }>('GET', '/status')
  t.ok(certificates.some(({ subject }) => subject === 'local-authority'))

  await t.test('mezctl trust adds the root to the stores of a machine, and removes it', async (t) => {
    const machine = join(dir, 'machine')
    const anchors = join(machine, 'usr/local/share/ca-certificates')
    mkdirSync(anchors, { recursive: true })
    const env = { MEZITE_DATA_DIR: hub.dataDir, MEZITE_TRUST_ROOT: machine }
    const refused = await runMezctl(['trust', 'install'], env)
    t.equal(refused.code, 1)
    t.match(refused.err, 'MEZ_NOT_CONFIRMED')
    const installed = await runMezctl(['trust', 'install', '--yes'], env)
    t.equal(installed.code, 0, installed.err)
    const [file = ''] = readdirSync(anchors)
    t.equal(readFileSync(join(anchors, file), 'utf8'), root)
    const removed = await runMezctl(['trust', 'remove', '--yes', '--json'], env)
    t.match(JSON.parse(removed.out), { changed: [/the system/], skipped: [] })
    t.strictSame(readdirSync(anchors), [])
    const bad = join(dir, 'bad.pem')
    writeFileSync(bad, 'no certificate')
    t.match(
      (await runMezctl(['trust', 'install', '--root-file', bad], env)).err,
      /is not a certificate in PEM/,
    )
  })
})

t.test('the root is valid for the names of the hub alone', async (t) => {
  const now = Date.now()
  const root = await createRoot(['hub.home.arpa', 'apps.home.arpa'], now)
  const good = await issueLeaf(root, ['hub.home.arpa', '*.apps.home.arpa'], now)
  const foreign = await issueLeaf(root, ['bank.example.com'], now)
  const shown = async (leaf: typeof good, servername: string) => {
    const server = await listenWith(t, leaf)
    return new Promise<string>((resolve) => {
      const socket = connectTls(
        {
          host: '127.0.0.1',
          port: server,
          servername,
          secureContext: createSecureContext({ ca: root.cert }),
        },
        () => {
          socket.destroy()
          resolve('accepted')
        },
      )
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.message))
    })
  }
  t.equal(await shown(good, 'hub.home.arpa'), 'accepted')
  t.equal(await shown(good, 'grafana.apps.home.arpa'), 'accepted')
  t.match(await shown(foreign, 'bank.example.com'), /permitted.subtree.violation/i)
})
