import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import t from 'tap'
import { createBoundedFetch } from '../../../plugins/oidc/bounded-fetch.ts'
import { until } from '../../until.ts'

async function serve(t: { teardown(fn: () => unknown): void }, listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

t.test('C51, fault 14 a slow drip of head or body ends with the deadline, and no socket stays', async (t) => {
  for (const first of ['HTTP/1.1 200 OK\r\nx: ', 'HTTP/1.1 200 OK\r\n\r\n']) {
    const sockets = new Set<Socket>()
    const server = createTcpServer((socket) => {
      sockets.add(socket)
      socket.write(first)
      const timer = setInterval(() => socket.write('x'), 10)
      socket.on('error', () => {})
      socket.on('close', () => {
        clearInterval(timer)
        sockets.delete(socket)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const drip = createBoundedFetch(url, 200)
    const began = performance.now()
    await Promise.all(Array.from({ length: 5 }, () => t.rejects(drip(`${url}/drip`))))
    const took = performance.now() - began
    t.ok(took < 5_000, `${took} ms`)
    await until(() => sockets.size === 0, 'no connection is left')
  }
})

t.test('C51 a body of 1 GB is cut off after a megabyte', async (t) => {
  let sent = 0
  const { url } = await serve(t, (_request, response) => {
    const chunk = Buffer.alloc(1 << 16, 32)
    response.writeHead(200, { 'content-length': String(2 ** 30) })
    const more = () => {
      while (!response.destroyed && sent < 2 ** 30) {
        sent += chunk.length
        if (!response.write(chunk)) return
      }
    }
    response.on('drain', more)
    response.on('error', () => {})
    more()
  })
  const before = process.memoryUsage().rss
  await t.rejects(createBoundedFetch(url)(`${url}/big`), /more than 1048576 bytes/)
  t.ok(sent < 64 << 20, `${sent} bytes were sent`)
  t.ok(process.memoryUsage().rss - before < 128 << 20)
})

t.test('C51 redirects, link-local addresses and plain http elsewhere are refused', async (t) => {
  const { url } = await serve(t, (_request, response) => {
    response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end()
  })
  const bounded = createBoundedFetch(url)
  await t.rejects(bounded(url), /redirect/)
  for (const address of [
    'http://169.254.169.254/latest',
    'https://169.254.169.254/latest',
    'https://[fe80::1]/',
    'http://192.0.2.1/',
    'file:///etc/passwd',
    'data:,x',
  ]) {
    await t.rejects(bounded(address), /not allowed/, address)
  }
  await t.rejects(createBoundedFetch('https://id.example.com')(url), /not allowed/, 'https issuer, http keys')
})
