// together: quick
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import t from 'tap'
import { createBoundedFetch } from '../../core/api/bounded-fetch.ts'
import { startStopwatch } from '../stopwatch.ts'
import { until } from '../until.ts'

async function serve(t: { teardown(fn: () => unknown): void }, listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

t.test('C51, fault 14 a slow head or body ends with the deadline, and no socket stays', async (t) => {
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
    const watch = startStopwatch()
    const { signal } = new AbortController()
    await Promise.all(Array.from({ length: 5 }, () => t.rejects(drip(`${url}/drip`, { signal }))))
    const took = watch.took()
    t.ok(took < 5_000, `${took} ms`)
    await until(() => sockets.size === 0, 'no connection is left')
    const caller = new AbortController()
    const given = t.rejects(createBoundedFetch(url)(`${url}/drip`, { signal: caller.signal }), /given up/)
    await until(() => sockets.size === 1, 'it is asked')
    caller.abort(new Error('given up'))
    await given
    await until(() => sockets.size === 0, 'who asks may give up earlier')
  }
})

t.test('C51 a redirect with a body without an end keeps no connection', async (t) => {
  const sockets = new Set<Socket>()
  const { url } = await serve(t, (request, response) => {
    sockets.add(request.socket)
    request.socket.on('close', () => sockets.delete(request.socket))
    response.writeHead(302, { location: '/' }).write('x')
  })
  await t.rejects(createBoundedFetch(url, 3_600_000)(url), /redirect/)
  await until(() => sockets.size === 0, 'no connection is left')
})

t.test('a response without a body is a response', async (t) => {
  const { url } = await serve(t, (_request, response) => void response.writeHead(204).end())
  t.equal((await createBoundedFetch(url)(url)).status, 204)
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

t.test('C51 redirects, link-local addresses and plain http to other hosts are refused', async (t) => {
  const { url } = await serve(t, (_request, response) => {
    response.writeHead(307, { location: 'http://169.254.169.254/latest' }).end()
  })
  const bounded = createBoundedFetch(url)
  await t.rejects(bounded(url), /redirect/)
  for (const address of [
    'http://169.254.169.254/latest',
    'https://169.254.169.254/latest',
    ...['https://[fe80::1]/', 'https://[fe90::1]/', 'https://[fea0::1]/', 'https://[febf::1]/'],
    'https://[::ffff:169.254.169.254]/',
    'http://192.0.2.1/',
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'data:,x',
  ]) {
    await t.rejects(bounded(address), /not allowed/, address)
  }
  await t.rejects(createBoundedFetch('https://id.example.com')(url), /not allowed/, 'https issuer, http keys')
})
