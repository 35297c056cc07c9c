// together: protocols
/** What plugins do to bodies on their way, and refusals with a status of their own. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { appAt, ask, type Gateway, openGateway, raw, readUntil } from './gateway.ts'
import { answer, send } from './http2-requests.ts'
import { openRawApp } from './raw-app.ts'

const PIECES = 600
const PIECE = Buffer.alloc(64 * 1024, 'x')

/** An app that echoes bodies, sends many pieces at `/many`, and counts what it could send. */
async function open(t: Test) {
  const seen = { sent: 0, requests: [] as string[], lengths: [] as (string | undefined)[], broken: 0 }
  const app = createServer(async (request, response) => {
    response.on('error', () => {})
    request.on('error', () => {})
    if (request.url === '/many') {
      const write = () => {
        while (seen.sent < PIECES && !response.destroyed) {
          seen.sent += 1
          if (!response.write(PIECE)) return void response.once('drain', write)
        }
        response.end()
      }
      response.writeHead(200)
      return write()
    }
    const body = await text(request).catch(() => {
      seen.broken += 1
      return null
    })
    if (body === null) return
    seen.requests.push(body)
    seen.lengths.push(request.headers['content-length'])
    const sized = { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) }
    response.writeHead(request.url === '/304' ? 304 : 200, request.url === '/304' ? {} : sized)
    for (const at of [0, 3, 6]) response.write(body.slice(at, at === 6 ? undefined : at + 3))
    response.end()
  })
  await once(app.listen(0, '127.0.0.1'), 'listening')
  const gateway = await openGateway(appAt((app.address() as AddressInfo).port))
  t.teardown(() => {
    void gateway.close()
    app.closeAllConnections()
    app.close()
  })
  return { gateway, seen }
}

const upper = () => ({
  write: (chunk: Uint8Array) => Buffer.from(Buffer.from(chunk).toString('latin1').toUpperCase(), 'latin1'),
  end: () => Buffer.from('!'),
})
/** Holds everything back until the end. */
const whole = (maxBytes?: number) => () => {
  const held: Uint8Array[] = []
  return {
    ...(maxBytes !== undefined && { maxBytes }),
    write(chunk: Uint8Array) {
      held.push(chunk)
      return Buffer.alloc(0)
    },
    end: () => Buffer.concat([Buffer.from('<'), ...held, Buffer.from('>')]),
  }
}
const post = (body: string, path = '/', ...more: string[]) =>
  `${ask(`POST ${path}`, `Content-Length: ${body.length}`, ...more)}${body}`

/** What the body of a chunked response says. */
const unchunked = (response: string) =>
  response
    .slice(response.indexOf('\r\n\r\n') + 4)
    .split('\r\n')
    .filter((_, at) => at % 2 === 1)
    .join('')

t.test('bodies change in both directions, in the order of the taps', async (t) => {
  const { gateway, seen } = await open(t)
  gateway.tap.request((request, { transform }) => {
    transform(upper)
    transform(whole())
    return request
  })
  gateway.tap.response((response, { transform }) => {
    transform(whole())
    return response
  })
  const response = await raw(gateway, post('hello world'))
  t.match(response, /^HTTP\/1\.1 200 OK\r\n/)
  t.notMatch(response, /content-length/i)
  t.equal(unchunked(response), '<<HELLO WORLD!>>')
  t.strictSame(seen.requests, ['<HELLO WORLD!>'])
  t.strictSame(seen.lengths, [undefined], 'the length is that of another body')

  const session = await gateway.session()
  t.teardown(() => session.destroy())
  const stream = send(session, { ':method': 'POST' }, true)
  stream.end('http2')
  t.match(await answer(stream), { status: 200, body: '<<HTTP2!>>', headers: { 'content-length': undefined } })

  t.match(await raw(gateway, ask('GET /')), /^HTTP\/1\.1 200[\s\S]*<>/, 'an empty body too')
  const head = await raw(gateway, ask('HEAD /'))
  t.match(head, /^HTTP\/1\.1 200/)
  t.notMatch(head, /content-length|<>/i)
  t.match(await raw(gateway, ask('GET /304')), /^HTTP\/1\.1 304[\s\S]*\r\n\r\n$/)
  t.strictSame(seen.requests.slice(2), ['', '', ''], 'a request without a body gets none')
})

t.test('a slow reader slows the app down', async (t) => {
  const { gateway, seen } = await open(t)
  gateway.tap.response((response, { transform }) => {
    transform(upper)
    return response
  })
  const socket = await gateway.dial()
  socket.write(ask('GET /many'))
  let before = -1
  while (before !== seen.sent || seen.sent === 0) {
    before = seen.sent
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  t.ok(seen.sent < PIECES * 0.8, `${seen.sent} of ${PIECES} pieces were taken from the app`)
  let last = ''
  for await (const chunk of socket as AsyncIterable<Buffer>)
    last = (last + chunk.toString('latin1', Math.max(0, chunk.length - 20))).slice(-20)
  t.match(last, /!\r\n0\r\n\r\n$/)
  t.equal(seen.sent, PIECES)
})

t.test('a transform that fails, or holds back or adds too much, ends the message', async (t) => {
  const failures: Record<string, () => { write(chunk: Uint8Array): Uint8Array; end(): Uint8Array }> = {
    'throws at once': () => {
      throw new Error('broken')
    },
    'throws in write': () => ({ ...upper(), write: () => assertNever() }),
    'throws in end': () => ({ ...upper(), end: () => assertNever() }),
    'returns a promise': () => ({ ...upper(), write: (async () => Buffer.alloc(0)) as never }),
    'returns text': () => ({ ...upper(), end: () => 'text' as never }),
    'holds back too much': whole(5),
    'adds too much': () => ({ ...upper(), maxBytes: 5, end: () => Buffer.alloc(6) }),
  }
  for (const [name, make] of Object.entries(failures)) {
    for (const side of ['request', 'response'] as const) {
      const { gateway, seen } = await open(t)
      const tap = (message: unknown, { transform }: { transform(make: unknown): void }) => {
        transform(make)
        return message
      }
      gateway.tap[side](tap as never)
      const response = await raw(gateway, post('hello world'))
      const about = `${name}, ${side}`
      t.notMatch(response, /\r\n0\r\n\r\n$/, `${about}: it never looks complete`)
      t.strictSame(seen.requests, side === 'request' ? [] : ['hello world'], about)
      const [record] = await gateway.recorded(1)
      t.equal(record!.reason, 'forward_failed', about)
      t.match(JSON.stringify(gateway.errors), side === 'request' ? /failed to prepare/ : /./, about)
      if (side === 'request') t.match(response, /^HTTP\/1\.1 500 [\s\S]*forward_failed/, about)
    }
  }
})

function assertNever(): never {
  throw new Error('broken')
}

t.test('a transform does not take a body for complete whose rest nobody reads', async (t) => {
  const early = await openRawApp((socket, text) => {
    if (text.includes('begin'))
      socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nlong')
  })
  const gateway = await openGateway(appAt(early.port))
  t.teardown(async () => {
    await gateway.close()
    early.close()
  })
  const seen: string[] = []
  gateway.tap.request((request, { transform }) => {
    transform(() => ({
      write(chunk) {
        seen.push(Buffer.from(chunk).toString())
        return chunk
      },
      end() {
        seen.push('the end')
        return Buffer.alloc(0)
      },
    }))
    return request
  })
  const client = await gateway.dial()
  for (const rest of ['3\r\nend\r\n0\r\n\r\n', '']) {
    const head = ask('POST /', 'Transfer-Encoding: chunked').replace('Connection: close\r\n', '')
    client.write(`${head}5\r\nbegin\r\n`)
    t.match(await readUntil(client, /long$/), /^HTTP\/1\.1 413 /)
    client.write(rest)
  }
  t.strictSame(seen, ['begin', 'begin'])
})

t.test('a transform belongs to its tap', async (t) => {
  const { gateway } = await open(t)
  let late: ((make: typeof upper) => void) | undefined
  gateway.tap.response((response, { transform }) => {
    late = transform
    return response
  })
  t.match(await raw(gateway, post('hello')), /hello$/)
  t.throws(() => late!(upper), { message: 'call transform() in the tap' })
})

t.test('a refusal has the status, the message and the headers that the plugin gives it', async (t) => {
  const { gateway, seen } = await open(t)
  let given: Parameters<Parameters<Parameters<Gateway['tap']['request']>[0]>[1]['refuse']>[0]
  gateway.tap.request((request, { refuse }) => {
    refuse(given)
    return request
  })
  const get = () => raw(gateway, ask('GET /'))
  given = { status: 429, reason: 'slow_down', message: 'Wait.', headers: { 'retry-after': '17' } }
  const slow = await get()
  t.match(slow, /^HTTP\/1\.1 429 [\s\S]*"code":"slow_down"[\s\S]*"detail":"Wait\."/)
  t.strictSame(slow.match(/retry-after: \d+/gi), ['retry-after: 17'], 'one, and that of the plugin')
  given = { status: 451, reason: 'court_order', headers: { link: '<https://a.test/>; rel="blocked-by"' } }
  t.match(await get(), /^HTTP\/1\.1 451 [\s\S]*link: <https:\/\/a\.test\/>/i)
  given = 'plain_reason'
  t.match(await get(), /^HTTP\/1\.1 403 [\s\S]*plain_reason/)
  for (const wrong of [
    { status: 200, reason: 'r' },
    { status: 302, reason: 'r' },
    { status: 401, reason: 'r' },
    { status: 421, reason: 'r' },
    { status: 600, reason: 'r' },
    { status: Number.NaN, reason: 'r' },
    { status: 429, reason: 'Not Snake' },
    { status: 429, reason: 'r', headers: { 'set-cookie': 'a=b' } },
    { status: 429, reason: 'r', headers: { 'Content-Security-Policy': 'x' } },
    { status: 429, reason: 'r', headers: { connection: 'close' } },
    { status: 429, reason: 'r', headers: { location: '/' } },
    { status: 429, reason: 'r', headers: { 'retry-after': '1\r\nx: y' } },
  ]) {
    given = wrong
    t.match(await get(), /^HTTP\/1\.1 500 /, JSON.stringify(wrong))
  }
  t.strictSame(seen.requests, [], 'nothing reaches the app')
})
