// together: quick
/** Clients that speak plain HTTP: to the TLS port, and to the port that redirects them. */
import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { createRedirectServer } from '../../../core/program/parts/redirect-server.ts'
import { startWeb } from '../../web/server/start-web.ts'

/** Everything that comes back for these bytes until the connection closes. */
async function talk(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(bytes)
  await once(socket, 'close')
  return text
}

t.test('plain HTTP to the TLS port is refused with the https address', async (t) => {
  const hub = await startWeb([])
  t.teardown(hub.stop)
  const ask = (...lines: string[]) => talk(hub.port, `${lines.join('\r\n')}\r\n\r\n`)
  for (const [host, address] of [
    ['hub.mezite.localhost', 'https://hub.mezite.localhost/'],
    ['evil.test', 'https://hub.mezite.localhost/'],
    ['"><script>', 'https://hub.mezite.localhost/'],
  ] as const) {
    const response = await ask('GET /a?b HTTP/1.1', `Host: ${host}`)
    t.match(response, /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Connection: close\r\n/)
    t.match(response, ` href="${address}">`, host)
    t.notMatch(response, '<script>')
  }
  t.match(await ask('POST /form HTTP/1.0', 'Content-Length: 3'), /^HTTP\/1\.1 400 /)
  for (const other of ['SSH-2.0-OpenSSH_9.6', 'get / HTTP/1.1', '\0\0\0\0'])
    t.notMatch(await ask(other), /HTTP\//, 'other protocols get a TLS alert')
})

const PROOF = '/.well-known/acme-challenge/'

t.test('the redirect address leads to https and serves nothing', async (t) => {
  const server = createRedirectServer(
    '127.0.0.1:0',
    (host) => (host.startsWith('a.') ? 'https://a.apps.test:8443' : 'https://hub.test'),
    (host, token) => (host === 'a.apps.test' && token === 'asked-for' ? 'proof' : null),
  )
  const { port } = await server.listen()
  t.teardown(server.close)
  for (const [method, path, host, location] of [
    ['GET', '/x?y=1', 'a.apps.test', 'https://a.apps.test:8443/x?y=1'],
    ['POST', '/form', 'hub.test:80', 'https://hub.test/form'],
    ['GET', '//evil.test/', 'hub.test', 'https://hub.test//evil.test/'],
    ['POST', `${PROOF}asked-for`, 'a.apps.test', `https://a.apps.test:8443${PROOF}asked-for`],
    ['GET', `${PROOF}asked-for`, 'hub.test', `https://hub.test${PROOF}asked-for`],
    ['GET', `${PROOF}other`, 'a.apps.test', `https://a.apps.test:8443${PROOF}other`],
    ['GET', `${PROOF}asked-for/..`, 'a.apps.test', `https://a.apps.test:8443${PROOF}asked-for/..`],
  ] as const) {
    const call = get({ host: '127.0.0.1', port, method, path, headers: { host } })
    const [response] = await once(call, 'response')
    response.resume()
    t.equal(response.statusCode, 308)
    t.equal(response.headers.location, location)
  }
  const asked = await talk(port, `GET ${PROOF}asked-for HTTP/1.1\r\nHost: A.apps.test:80\r\n\r\n`)
  t.match(asked, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n[\s\S]*proof/, 'V231 a proof that a source has')
  t.match(await talk(port, 'CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test\r\n\r\n'), /^$/)
  t.match(
    await talk(port, 'GET https://evil.test/ HTTP/1.1\r\nHost: hub.test\r\n\r\n'),
    'location: https://hub.test/\r\n',
  )
})
