// together: quick
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import type { Socket } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import * as x509 from '@peculiar/x509'
import t from 'tap'
import { makeAuthority, makeLeaf, newKeyPair } from '../../core/gate/pki/certificate-templates.ts'
import { drain, joined, startApp } from '../traffic/tunnel/start-app.ts'
import { testApp } from '../traffic/tunnel/start-tunnel-hub.ts'

/** An https application with a certificate of an authority that nobody knows. */
async function startHttpsApp(
  t: { teardown(run: () => unknown): void },
  take: (socket: TLSSocket, raw?: Socket) => void,
) {
  const { certificate, keys } = await makeAuthority('hub-ca', 'company', Date.now(), 3_600_000)
  const mine = await newKeyPair()
  const leaf = await makeLeaf(
    { certificate: certificate.toString('pem'), key: keys.privateKey },
    {
      publicKey: mine.publicKey,
      commonName: 'app.internal',
      purpose: 'server',
      names: [{ type: 'dns', value: 'app.internal' }],
      notBefore: Date.now(),
      notAfter: Date.now() + 3_600_000,
    },
  )
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', mine.privateKey)
  const open = new Set<TLSSocket>()
  const names: (string | false | null)[] = []
  const server = createServer(
    {
      key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
      cert: leaf.toString('pem'),
      allowHalfOpen: true,
      SNICallback: (name, done) => {
        names.push(name)
        done(null)
      },
    },
    (socket) => {
      open.add(socket)
      socket.on('error', () => {})
      take(socket, raws.get(socket.remotePort ?? 0))
    },
  )
  const raws = new Map<number, Socket>()
  server.prependListener('connection', (raw: Socket) => raws.set(raw.remotePort ?? 0, raw))
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return { uri: `https://app.localhost:${port}`, ca: certificate.toString('pem'), names, open }
}

const tls = { verify: true, serverName: null, ca: null }

t.test('J136 certificates of https applications are verified unless the app says otherwise', async (t) => {
  const hub = await joined(t)
  const app = await startHttpsApp(t, (socket) => socket.on('data', (chunk: Buffer) => socket.end(chunk)))
  const open = (more: Partial<typeof tls> | { serverName: string } | { ca: string }) =>
    hub.open(testApp(app.uri, ['node-1'], { tls: { ...tls, ...more } }))
  const refused = { code: 'MEZ_DIAL_FAILED', reason: 'tls_failed' }
  await t.rejects(open({}), { ...refused, message: /tls\.ca/ }, 'an unknown authority')
  await t.rejects(open({ serverName: 'app.internal' }), refused, 'the right name is not enough')
  await t.rejects(
    open({ ca: app.ca }),
    { ...refused, message: /tls\.server_name/ },
    'nor is the right authority',
  )
  await t.rejects(open({ ca: 'no certificate' }), { code: 'MEZ_DIAL_FAILED' }, 'nonsense verifies nothing')
  for (const how of [{ ca: app.ca, serverName: 'app.internal' }, { verify: false }]) {
    const pipe = await open(how)
    const reading = drain(pipe)
    pipe.write(Buffer.from('ping'))
    pipe.end()
    t.match(await reading, { ended: true, error: null }, JSON.stringify(Object.keys(how)))
  }
  t.equal(app.names[0], 'app.localhost')
  t.ok(app.names.includes('app.internal'))
})

t.test('a failed connection is described in the words of the operator, not of Node.js', async (t) => {
  const hub = await joined(t)
  const plain = createHttpServer((_request, response) => response.end('hello'))
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  const closing = await startApp(t, (socket) => socket.once('data', () => socket.end()))
  const resetting = await startApp(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
  const old = createServer({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1' })
  old.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
  const [plainPort, oldPort] = [plain, old].map((server) => (server.address() as { port: number }).port)
  t.teardown(() => {
    plain.close()
    old.close()
  })
  const secure = (uri: string) => uri.replace('tcp:', 'https:')
  const told = {
    [`https://127.0.0.1:${plainPort}`]:
      /: tls_failed \(https:\/\/ to a port that speaks plain HTTP \(127\.0\.0\.1\); set uri/,
    [secure(closing.uri)]: /closed the connection during the TLS handshake/,
    [secure(resetting.uri)]: /closed the connection during the TLS handshake/,
    [`https://127.0.0.1:${oldPort}`]:
      /\(127\.0\.0\.1 ended the TLS handshake: |TLS with 127\.0\.0\.1 failed: [a-z ]+\)/,
    'http://127.0.0.1:1':
      /: connection_refused \(127\.0\.0\.1:1: refuses connections: nothing listens there\)/,
    'http://nothing.invalid:80':
      /: name_not_found \(nothing\.invalid: (?:there is no such name|no name server responded)\)/,
  }
  for (const [uri, words] of Object.entries(told)) {
    const error = await hub.open(testApp(uri)).then(
      () => null,
      (reason: Error) => reason,
    )
    t.match(error?.message, words, uri)
    t.notMatch(error?.message, /\bE[A-Z]{4,}|ERR_|SSL routines/, uri)
  }
})

t.test('a reset over TLS is not a clean end, in either direction', async (t) => {
  const hub = await joined(t)
  const seen: string[] = []
  const app = await startHttpsApp(t, (socket, raw) => {
    socket.on('data', (chunk: Buffer) => {
      socket.write(Buffer.alloc(50_000, 'y'))
      if (`${chunk}` === 'cut') raw?.resetAndDestroy()
    })
    socket.on('end', () => seen.push('clean end'))
    raw?.on('close', (failed) => seen.push(failed ? 'reset' : 'closed'))
    socket.on('error', () => seen.push('reset'))
  })
  const how = { tls: { ...tls, verify: false } }
  const cut = await hub.open(testApp(app.uri, ['node-1'], how))
  const reading = drain(cut)
  cut.write(Buffer.from('cut'))
  t.match(await reading, { ended: false, error: Error }, 'by the application')

  seen.length = 0
  const half = await hub.open(testApp(app.uri, ['node-1'], how))
  const answered = new Promise<void>((resolve) => {
    half.ondata = () => resolve()
  })
  half.write(Buffer.from('half a request'))
  await answered
  half.destroy()
  await hub.until(() => seen.length > 0, 'the application is told')
  t.notOk(seen.includes('clean end'), `by the hub: ${seen}`)
})

t.test('J135 an agent passes on redirects and cookies as bytes, and follows no redirect', async (t) => {
  const hub = await joined(t)
  let elsewhere = 0
  const target = createHttpServer(() => {
    elsewhere += 1
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  t.teardown(() => target.close())
  const { port } = target.address() as { port: number }
  const answer = `HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${port}/\r\nSet-Cookie: a=b; Domain=internal\r\nContent-Length: 0\r\n\r\n`
  const app = await startApp(t, (socket) => socket.once('data', () => socket.end(answer)))
  const pipe = await hub.open(testApp(app.uri.replace('tcp:', 'http:')))
  const reading = drain(pipe)
  pipe.write(Buffer.from('GET / HTTP/1.1\r\nHost: app\r\n\r\n'))
  pipe.end()
  t.equal(`${(await reading).bytes}`, answer)
  t.equal(elsewhere, 0)
})
