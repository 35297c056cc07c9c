// together: hubs
/** What a whole hub makes of its certificates: plugins provide them before they are read, and connections come after. */

import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { certificates, defineHubPlugin } from '@mezite/core'
import { createTestHub, testCertificate, Visitor } from '@mezite/core/testing'
import t from 'tap'

const HUB = 'hub.mezite.localhost'
const APP = 'wiki.apps.mezite.localhost'
const proof = await testCertificate([APP, 'proof.test'])

const source = defineHubPlugin({
  name: 'authority',
  api: 1,
  summary: 'Proves one name',
  provides: { certificates },
  setup({ provide }) {
    provide.certificates({
      name: 'authority',
      covers: (host) => host === APP,
      certificateFor: () => null,
      states: () => [],
      alpn: 'acme-tls/1',
      alpnCertificate: (host) => (host === APP ? proof : null),
    })
  },
})

t.test(
  'a hub proves names on its public port, and sends no HSTS with a development certificate',
  async (t) => {
    const hub = await createTestHub({ plugins: [source] })
    t.teardown(() => hub.stop())
    const ask = async (servername: string) => {
      const options = { port: hub.ports.public, host: '127.0.0.1', servername, ALPNProtocols: ['acme-tls/1'] }
      const socket = connect({ ...options, rejectUnauthorized: false })
      t.teardown(() => socket.destroy())
      const failed = once(socket, 'error').then(([error]) => String(error.reason ?? error.code))
      const done = once(socket, 'secureConnect').then(() => socket.getPeerCertificate().subjectaltname)
      return Promise.race([failed, done])
    }
    t.equal(await ask(APP), `DNS:${APP}, DNS:proof.test`)
    t.match(await ask(HUB), /unrecognized name/, 'and no name of which nothing is to be proved')
    const { headers } = await hub.visitor().fetch(`${hub.url}/web/login`)
    t.ok(headers['x-request-id'], 'the hub answers')
    t.equal(headers['strict-transport-security'], undefined)
  },
)

t.test('a hub with certificate files sends HSTS', async (t) => {
  const { cert, key, ca } = await testCertificate([HUB, '*.apps.mezite.localhost'])
  const dir = mkdtempSync(join(tmpdir(), 'mezite-files-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const https_keypair = { cert_file: join(dir, 'cert.pem'), key_file: join(dir, 'key.pem') }
  writeFileSync(https_keypair.cert_file, cert)
  writeFileSync(https_keypair.key_file, key, { mode: 0o600 })
  const hub = await createTestHub({ config: { proxy: { https_keypair } } })
  t.teardown(() => hub.stop())
  const { headers } = await new Visitor(ca).fetch(`${hub.url}/web/login`)
  t.match(headers['strict-transport-security'], /max-age/)
})

t.test('two plugins that prove names by the same protocol stop the start of the hub', async (t) => {
  const rival = { ...source, name: 'rival' }
  await t.rejects(createTestHub({ plugins: [source, rival] }), { code: 'MEZ_SERVICE_TWICE' })
})
