// together: quick
// long
/** S202: the address of a client's metadata is written by a stranger, and the hub opens it. */
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { testCertificate } from '@mezite/core/testing'
import t from 'tap'
import { createGuardedFetch, isPublicAddress } from '../../../plugins/authorization-server/guarded-fetch.ts'
import { startStopwatch } from '../../stopwatch.ts'

const certificate = await testCertificate(['localhost'])
const server = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
  if (request.url === '/redirect')
    return void response.writeHead(302, { location: 'https://localhost/' }).end()
  if (request.url === '/large') {
    response.on('error', () => {})
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384))) {}
      response.once('drain', more)
    }
    return more()
  }
  const [, status] = /^\/status-(\d+)$/.exec(request.url ?? '') ?? []
  if (status !== undefined)
    return void request.socket.end(`HTTP/1.1 ${status} Odd\r\ncontent-length: 0\r\n\r\n`)
  if (request.url === '/slow') {
    const timer = setInterval(() => response.write('x'), 20)
    return void response.on('close', () => clearInterval(timer))
  }
  response.end('{}')
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  server.closeAllConnections()
  server.close()
})
const { port: serverPort } = server.address() as AddressInfo
const origin = `https://localhost:${serverPort}`
const open = createGuardedFetch({ ports: [serverPort], accepts: () => true, ca: certificate.ca })

t.test('S202 only addresses of the public internet are accepted', (t) => {
  for (const address of ['1.1.1.1', '93.184.216.34', '2606:4700::1111', '2a00:1450:4001::1'])
    t.ok(isPublicAddress(address), address)
  for (const address of [
    ...['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.169.254', '100.100.0.1', '0.0.0.0'],
    ...['224.0.0.1', '255.255.255.255', '192.0.2.1', '198.18.0.1', '240.0.0.1', '192.88.99.1'],
    ...[
      '::1',
      '::',
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '64:ff9b::7f00:1',
      'fe80::1',
      'fc00::1',
      'fd00:ec2::254',
    ],
    ...['2002:7f00:1::', '2001::1', '2001:db8::1', 'ff02::1', '3fff::1', 'localhost', ''],
  ])
    t.notOk(isPublicAddress(address), address)
  t.end()
})

t.test('S202 private addresses are never connected, by number or by name', async (t) => {
  let connections = 0
  const listener = createTcp((socket) => {
    connections++
    socket.destroy()
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address() as AddressInfo
  const guarded = createGuardedFetch({ ports: [port] })
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1'])
    await t.rejects(guarded(`https://${host}:${port}/`), /public internet/, host)
  await t.rejects(guarded(`http://1.1.1.1:${port}/`), /public internet/, 'without TLS')
  t.equal(connections, 0)
  listener.close()
})

t.test('S202 a name with one private address among public ones is refused', async (t) => {
  const [inside, outside] = ['127.0.0.2', '127.0.0.1']
  const opens = (...addresses: readonly string[]) => {
    const found = addresses.map((address) => ({ address, family: 4 }))
    const guarded = createGuardedFetch({
      ports: [serverPort],
      ca: certificate.ca,
      accepts: (address: string) => address !== inside,
      resolve: (_hostname, _options, done) => done(null, found),
    })
    return guarded(`${origin}/`).then((response) => response.text())
  }
  let connections = 0
  const count = () => {
    connections++
  }
  server.on('connection', count)
  for (const addresses of [[outside, inside], [inside, outside], [outside, outside, inside], [inside], []])
    await t.rejects(opens(...addresses), /public internet/, addresses.join(' and '))
  t.equal(connections, 0)
  server.off('connection', count)
  t.equal(await opens(outside, outside), '{}')
})

t.test('S202 redirects are not followed; large and slow responses end', async (t) => {
  t.equal(await (await open(`${origin}/`)).text(), '{}')
  t.equal((await open(`${origin}/redirect`)).status, 302)
  await t.rejects(open(`${origin}/large`), /too large/)
  await t.rejects(open(`${origin}/slow`, { signal: AbortSignal.timeout(200) }), /abort|timeout/i)
  const [from, watch] = [performance.now(), startStopwatch()]
  await t.rejects(open(`${origin}/slow`), /abort|timeout/i, 'one byte after the other')
  t.ok(performance.now() - from > 3_000 && watch.took() < 5_000, `${watch.took()} ms`)
})

t.test('S202 a response whose status is none of HTTP is an error, and ends no process', async (t) => {
  for (const status of ['000', '099', '600', '999'])
    await t.rejects(open(`${origin}/status-${status}`), /the response has the status/, status)
})
