// together: quick
import 'reflect-metadata'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { systemClock } from '@mezite/core/protocol'
import t from 'tap'
import {
  developmentCertificate,
  developmentFiles,
} from '../../../core/program/parts/development-certificate.ts'
import { startWeb } from '../../web/server/start-web.ts'

t.test('a protocol requires a certificate of its authority and resumes no session', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'mez-door-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const authority = async (name: string) => {
    const dir = join(root, name)
    const { cert, key } = await developmentCertificate(dir, ['hub.test.mezite.internal'], systemClock)
    return { cert, key, ca: readFileSync(join(dir, developmentFiles.ca), 'utf8') }
  }
  const [hubSide, other] = [await authority('hub'), await authority('other')]
  const [certFile, keyFile] = [join(root, 'user.pem'), join(root, 'user-key.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...[
        '-subj',
        '/CN=user',
        '-addext',
        'extendedKeyUsage=clientAuth',
        '-keyout',
        keyFile,
        '-out',
        certFile,
      ],
    ],
    { stdio: 'ignore' },
  )
  const user = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  let taken = 0
  const hub = await startWeb(
    [],
    {},
    {
      authorities: {
        hubIdentity: async () => ({ key: hubSide.key, cert: hubSide.cert }),
        bundle: () => [hubSide.ca, user.cert],
      },
      protocols: [
        {
          name: 'tcp',
          takes: 'alpn',
          alpn: 'mezite-tcp/1',
          clientAuthority: 'user-ca',
          accept: (socket) => {
            taken++
            socket.end('in')
          },
          drain: async () => {},
        },
      ],
    },
  )
  t.teardown(hub.stop)
  const sessions: Buffer[] = []
  const talk = (options: ConnectionOptions): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({
        port: hub.port,
        host: '127.0.0.1',
        servername: 'hub.test.mezite.internal',
        ca: hubSide.ca,
        ALPNProtocols: ['mezite-tcp/1'],
        ...options,
      })
      let text = ''
      socket.on('session', (session) => sessions.push(session))
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
  t.equal(await talk({}), '', 'no certificate')
  t.equal(await talk({ cert: other.cert, key: other.key }), '', 'of another authority')
  t.equal(await talk({ maxVersion: 'TLSv1.2' }), '', 'TLS 1.2')
  // A certificate for servers only is none for clients.
  t.equal(await talk({ cert: hubSide.cert, key: hubSide.key }), '', 'wrong extended key usage')
  t.equal(taken, 0)
  t.equal(await talk(user), 'in')
  t.equal(taken, 1)
  // Clients are told a session even without tickets: what counts is that it opens nothing.
  for (const session of [...sessions]) {
    t.equal(await talk({ session }), '', 'I116 resumed without a certificate')
    t.equal(await talk({ session, cert: other.cert, key: other.key }), '', 'I115 resumed with another')
  }
  t.ok(sessions.length > 0)
  t.equal(taken, 1)
})
