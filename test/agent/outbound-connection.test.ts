// together: quick
/** HTTP proxies that the environment names: which hubs use them, and what they are sent. */
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import {
  createServer as createTlsServer,
  getCACertificates,
  setDefaultCACertificates,
  Server as TlsServer,
} from 'node:tls'
import t from 'tap'
import { connectOutbound, outboundProxy } from '../../agent/outbound-connection.ts'
import { systemClock } from '../../core/kernel/clock.ts'
import { developmentCertificate } from '../../core/program/parts/development-certificate.ts'

const PROXY = 'http://proxy.example:3128'
const uses = (env: NodeJS.ProcessEnv, host: string, port = 443) => outboundProxy({ host, port }, env) !== null

t.test('NO_PROXY exempts names, addresses, networks and ports', async (t) => {
  for (const [list, host, exempt] of [
    ['', 'hub.example.com', false],
    ['*', 'hub.example.com', true],
    ['*', '192.0.2.7', true],
    ['example.com', 'hub.example.com', true],
    ['example.com', 'example.com', true],
    ['.example.com', 'hub.example.com', true],
    ['*.example.com', 'a.hub.example.com', true],
    ['example.com', 'notexample.com', false],
    ['hub.example.com', 'example.com', false],
    ['EXAMPLE.com', 'hub.Example.COM', true],
    ['other.test, example.com', 'hub.example.com', true],
    ['other.test example.com', 'hub.example.com', true],
    ['example.com:443', 'hub.example.com', true],
    ['example.com:8443', 'hub.example.com', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.70', false],
    ['192.0.2.7:443', '192.0.2.7', true],
    ['192.0.2.7:80', '192.0.2.7', false],
    ['192.0.2.0/24', '192.0.2.7', true],
    ['192.0.2.0/24', '192.0.3.7', false],
    ['192.0.2.0/24', 'hub.example.com', false],
    ['192.0.2.0/33', '192.0.2.7', false],
    ['192.0.2.0/x', '192.0.2.7', false],
    ['0.0.0.0/0', '192.0.2.7', true],
    ['2001:db8::1', '2001:db8::1', true],
    ['2001:db8::1', '2001:db8::2', false],
    ['[2001:db8::1]', '2001:db8:0::1', true],
    ['[2001:db8::1]:443', '2001:db8::1', true],
    ['[2001:db8::1]:80', '2001:db8::1', false],
    ['2001:db8::/32', '2001:db8:7::1', true],
    ['2001:db8::/32', '192.0.2.7', false],
    [',,  ,', 'hub.example.com', false],
  ] as const) {
    t.equal(uses({ HTTPS_PROXY: PROXY, NO_PROXY: list }, host), !exempt, `"${list}" and ${host}`)
    t.equal(uses({ https_proxy: PROXY, no_proxy: list }, host), !exempt, 'in lower case')
  }
  for (const host of ['localhost', 'hub.mezite.localhost', '127.0.0.1', '127.9.9.9', '::1'])
    t.notOk(uses({ HTTPS_PROXY: PROXY }, host), `${host} is never proxied`)
  t.notOk(uses({}, 'hub.example.com'), 'no proxy is configured')
  t.notOk(uses({ HTTP_PROXY: PROXY, ALL_PROXY: PROXY }, 'hub.example.com'), 'others are not for TLS')
  t.ok(uses({ https_proxy: PROXY, HTTPS_PROXY: '' }, 'hub.example.com'))
})

t.test('the URL of a proxy is parsed with and without credentials', async (t) => {
  const read = (text: string) => outboundProxy({ host: 'hub.example.com', port: 443 }, { HTTPS_PROXY: text })
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  t.same(read('proxy.example:3128'), {
    address: { host: 'proxy.example', port: 3128 },
    secure: false,
    authorization: null,
  })
  t.match(read('http://proxy.example'), { address: { port: 80 } })
  t.match(read('https://proxy.example'), { address: { port: 443 }, secure: true })
  t.match(read('http://[2001:db8::1]:3128'), { address: { host: '2001:db8::1', port: 3128 } })
  t.match(read('http://agent:p%40ss%25@proxy.example'), { authorization: basic('agent:p@ss%') })
  t.match(read('http://agent@proxy.example'), { authorization: basic('agent:') })
  for (const wrong of [
    'socks5://agent:s3cret@proxy.example',
    'http://',
    'http://agent:s3cret%@proxy.example',
  ]) {
    t.throws(() => read(wrong), { code: 'MEZ_CONFIG_INVALID' })
    try {
      read(wrong)
    } catch (error) {
      t.notMatch(JSON.stringify([String(error), error]), 's3cret', 'and no password is repeated')
    }
  }
})

/** A proxy that records the requests and sends `reply`. */
async function listen(t: { teardown(run: () => unknown): void }, server: Server, reply: string) {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      seen.push(chunk.toString('latin1'))
      socket.write(reply)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { seen, port: (server.address() as AddressInfo).port }
}

const dial = (env: NodeJS.ProcessEnv) =>
  connectOutbound({ host: 'hub.example.com', port: 443 }, AbortSignal.timeout(5_000), env)

t.test('CONNECT carries the credentials, and bytes after the response reach the hub’s side', async (t) => {
  const { seen, port } = await listen(t, createServer(), 'HTTP/1.1 200 OK\r\nVia: 1.1 p\r\n\r\nfirst bytes')
  const socket = await dial({ HTTPS_PROXY: `http://agent:s3cret@127.0.0.1:${port}` })
  t.teardown(() => socket.destroy())
  const credentials = Buffer.from('agent:s3cret').toString('base64')
  t.equal(
    seen[0],
    `CONNECT hub.example.com:443 HTTP/1.1\r\nHost: hub.example.com:443\r\nProxy-Authorization: Basic ${credentials}\r\n\r\n`,
  )
  const [chunk] = await new Promise<[Buffer]>((resolve) => socket.once('data', (data) => resolve([data])))
  t.equal(chunk.toString(), 'first bytes')
})

t.test('a proxy that refuses is named, without the credentials', async (t) => {
  for (const [reply, text] of [
    ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', /credentials are missing or wrong \(407\)/],
    ['HTTP/1.1 403 Forbidden\r\n\r\n', /CONNECT was refused \(403 Forbidden\)/],
    ['SSH-2.0-OpenSSH\r\n\r\n', /CONNECT was refused/],
    ['x'.repeat(20_000), /too long/],
  ] as const) {
    const { port } = await listen(t, createServer(), reply)
    const error = await dial({ HTTPS_PROXY: `http://agent:s3cret@127.0.0.1:${port}` }).then(
      () => null,
      (error: Error) => error,
    )
    t.match(error?.message, text)
    t.match(error?.message, `through the proxy 127.0.0.1:${port}`)
    t.notMatch(JSON.stringify([String(error), error]), /s3cret|YWdlbnQ/)
  }
})

t.test('a proxy that is reached over TLS must have a trusted certificate', async (t) => {
  const dir = t.testdir()
  const { key, cert } = await developmentCertificate(dir, ['proxy.localhost'], systemClock)
  const { seen, port } = await listen(t, createTlsServer({ key, cert }), 'HTTP/1.1 200 OK\r\n\r\n')
  const env = { HTTPS_PROXY: `https://agent:s3cret@proxy.localhost:${port}` }
  await t.rejects(dial(env), { code: 'MEZ_HUB_UNREACHABLE' })
  t.same(seen, [], 'the credentials have not left')
  const before = getCACertificates('default')
  t.teardown(() => setDefaultCACertificates(before))
  setDefaultCACertificates([...before, readFileSync(join(dir, 'development-ca.pem'), 'utf8')])
  ;(await dial(env)).destroy()
  t.match(seen[0], /^CONNECT hub\.example\.com:443 [\s\S]*Proxy-Authorization: Basic /)
})
