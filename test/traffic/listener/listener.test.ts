// together: hubs
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import type { AppHostProtocol, ConnectionInfo } from '@mezite/core/protocol'
import t from 'tap'
import { freePort } from '../../../core/testing/index.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { appHosts, startWeb } from '../../web/server/start-web.ts'
import { captureHello } from './capture-hello.ts'

const GET = 'GET /nothing HTTP/1.1\r\nhost: hub.mezite.localhost\r\nconnection: close\r\n\r\n'

function dial(port: number): Socket {
  const socket = connectTcp(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  return socket
}

/** Resolves once the hub has closed the connection; how long it took, in milliseconds. */
async function closed(socket: Socket): Promise<number> {
  const start = performance.now()
  if (!socket.destroyed) await once(socket, 'close')
  return performance.now() - start
}

t.test('the public port serves TLS', async (t) => {
  const taken: { bytes: Buffer; info: ConnectionInfo }[] = []
  const hub = await startWeb(
    [],
    {},
    {
      mezite: {
        'mezite-tunnel/1': (socket, info) =>
          socket.once('data', (bytes) => {
            taken.push({ bytes, info })
            socket.end('taken')
          }),
      },
    },
  )
  t.teardown(hub.stop)
  const works = async () => t.match(await hub.raw(GET), /^HTTP\/1\.1 404 /, 'a good client is served')

  await t.test('a handshake in single bytes succeeds', async (t) => {
    const raw = connectTcp(hub.port, '127.0.0.1')
    raw.setNoDelay(true)
    const hello = await captureHello({ servername: 'hub.mezite.localhost' })
    const answer = once(raw, 'data')
    for (const byte of hello) raw.write(Buffer.from([byte]))
    const [[first]] = [await answer]
    t.equal(first[0], 22, 'a ServerHello comes back')
    raw.destroy()
  })

  await t.test(
    'a client that returns at once from the port of a connection that it reset is served',
    async (t) => {
      const localPort = await freePort()
      const open = () => {
        const raw = connectTcp({ port: hub.port, host: '127.0.0.1', localPort })
        return { raw, tls: connect({ socket: raw, ca: hub.ca, servername: 'hub.mezite.localhost' }) }
      }
      const first = open()
      await once(first.tls, 'secureConnect')
      first.raw.resetAndDestroy()
      const second = open()
      second.tls.write(GET)
      const [answer] = await once(second.tls, 'data', { signal: AbortSignal.timeout(60_000) })
      t.match(String(answer), /^HTTP\/1\.1 404 /)
      second.tls.destroy()
    },
  )

  await t.test('a Mezite protocol gets the raw socket with the whole ClientHello', async (t) => {
    const ALPNProtocols = ['mezite-tunnel/1', 'mezite-to/hub-2']
    const hello = await captureHello({ servername: 'hub.mezite.localhost', ALPNProtocols })
    const socket = connectTcp(hub.port, '127.0.0.1')
    socket.write(hello.subarray(0, 50))
    await new Promise((resolve) => setTimeout(resolve, 30))
    socket.write(hello.subarray(50))
    const [answer] = await once(socket, 'data')
    t.equal(String(answer), 'taken')
    t.ok(taken[0]!.bytes.equals(hello))
    t.match(taken[0]!.info, {
      clientIp: '127.0.0.1',
      serverName: 'hub.mezite.localhost',
      trustedProxy: false,
    })
    socket.destroy()
  })

  await t.test('mixed and unknown ALPN names are refused', async (t) => {
    for (const ALPNProtocols of [
      ['mezite-tunnel/1', 'h2'],
      ['http/1.1', 'mezite-tunnel/1'],
      ['mezite-tunnel/1', 'mezite-join/1'],
      ['mezite-nothing/1'],
      ['mezite-to/x'],
      ['h3'],
    ]) {
      const socket = connect({ port: hub.port, host: '127.0.0.1', ca: hub.ca, ALPNProtocols })
      const [error] = await once(socket, 'error')
      t.match(error.code, /ALPN|ALERT_NO_APPLICATION/i, ALPNProtocols.join())
    }
    t.equal(taken.length, 1, 'and nobody else was handed over')
  })

  await t.test('H113 garbage at each stage closes that connection only', async (t) => {
    const hello = await captureHello({ servername: 'hub.mezite.localhost' })
    const junk = Buffer.alloc(2_000, 0xab)
    for (const bytes of [
      junk,
      Buffer.from(GET),
      Buffer.from([22, 3, 1, 0, 0]),
      Buffer.concat([hello, junk]),
      Buffer.concat([hello.subarray(0, 60), junk]),
    ]) {
      const socket = dial(hub.port)
      const watch = startStopwatch()
      socket.write(bytes)
      await closed(socket)
      t.ok(watch.took() < 10_000)
    }
    const reset = dial(hub.port)
    await once(reset, 'connect')
    reset.write(hello)
    reset.resetAndDestroy()
    const ended = dial(hub.port)
    ended.end()
    await closed(ended)
    await works()
  })

  await t.test('N167 a stalled connection is closed by the deadline of its stage', async (t) => {
    const hello = await captureHello({ servername: 'hub.mezite.localhost' })
    const hurried = await startWeb([], {}, { limits: { handshakeMs: 500 } })
    t.teardown(hurried.stop)
    for (const bytes of ['', hello.subarray(0, 1), hello.subarray(0, 100), hello]) {
      const watch = startStopwatch()
      const socket = dial(hurried.port)
      if (bytes.length > 0) socket.write(bytes)
      const ms = await closed(socket)
      t.ok(ms > 300 && watch.took() < 10_000, `${bytes.length} bytes: ${watch.took()} of ${ms} ms`)
    }
  })

  await t.test('a ClientHello that never ends is cut', async (t) => {
    const socket = dial(hub.port)
    socket.write(Buffer.from([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]))
    const flood = setInterval(() => socket.write(Buffer.alloc(16_384, 0)), 5)
    const watch = startStopwatch()
    await closed(socket)
    clearInterval(flood)
    t.ok(watch.took() < 10_000)
    await works()
  })

  await t.test('no connection stays open', async (t) => {
    for (let i = 0; i < 400 && hub.front.connections > 0; i++) await new Promise((r) => setTimeout(r, 50))
    t.equal(hub.front.connections, 0)
  })
})

t.test('N166 half a request on the hub’s host is closed by a deadline', async (t) => {
  const hub = await startWeb([], { limits: { headerMs: 500, requestMs: 1_000 } })
  t.teardown(hub.stop)
  const watch = startStopwatch()
  await hub.raw('GET / HTTP/1.1\r\nhost: hub')
  t.ok(watch.took() < 20_000)
})

t.test('A15 PROXY protocol counts from trusted peers only', async (t) => {
  const seen: ConnectionInfo[] = []
  const start = (trustedProxies: string[]) =>
    startWeb(
      [],
      {},
      {
        proxyProtocol: 'required',
        trustedProxies,
        browsers: (socket, info) => {
          seen.push(info)
          socket.end('hi')
        },
      },
    )
  const talk = async (hub: Awaited<ReturnType<typeof start>>, header: string): Promise<string> => {
    const raw = connectTcp(hub.port, '127.0.0.1')
    raw.on('error', () => {})
    for (const char of header) raw.write(char)
    const socket = connect({ socket: raw, ca: hub.ca, servername: 'hub.mezite.localhost' })
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    await new Promise((resolve) => socket.once('close', resolve))
    return text
  }
  const line = 'PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n'
  const hub = await start(['127.0.0.0/8'])
  t.teardown(hub.stop)
  t.equal(await talk(hub, line), 'hi')
  t.match(seen[0], { clientIp: '203.0.113.9', clientPort: 4711, trustedProxy: false })
  t.equal(await talk(hub, 'PROXY TCP4 127.0.0.7 10.0.0.1 4711 443\r\n'), 'hi')
  t.match(
    seen.pop(),
    { clientIp: '127.0.0.7', trustedProxy: false },
    'the client is not a proxy, whatever its network',
  )
  t.equal(await talk(hub, ''), '', 'without a header')
  t.equal(await talk(hub, 'PROXY nonsense\r\n'), '')
  const other = await start(['10.0.0.0/8'])
  t.teardown(other.stop)
  t.equal(await talk(other, line), '', 'from another peer')
  t.equal(seen.length, 1)
  t.ok((await closed(dial(other.port))) < 5_000, 'which holds no place until it says something')
})

t.test(
  'A15 connections from one port of a balancer to two addresses of the hub keep their clients',
  { skip: process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8', timeout: 240_000 },
  async (t) => {
    const seen: Record<string, string> = {}
    const hub = await startWeb(
      [],
      {},
      {
        listenAddr: '0.0.0.0:0',
        proxyProtocol: 'required',
        trustedProxies: ['127.0.0.0/8'],
        browsers: (socket, info) => {
          seen[String(socket.localAddress)] = info.clientIp
          socket.end('hi')
        },
      },
    )
    t.teardown(hub.stop)
    const clients = { '127.0.0.1': '192.0.2.1', '127.0.0.2': '192.0.2.2' }
    const raws: Socket[] = []
    let localPort = 0
    for (const [host, client] of Object.entries(clients)) {
      const raw = connectTcp({ host, port: hub.port, localAddress: '127.0.0.9', localPort })
      await once(raw, 'connect')
      raw.write(`PROXY TCP4 ${client} 10.0.0.1 4711 443\r\n`)
      localPort = raw.localPort ?? 0
      raws.push(raw)
    }
    const secured = raws.map(async (socket) => {
      const secure = connect({ socket, ca: hub.ca, servername: 'hub.mezite.localhost' })
      secure.on('error', () => {})
      secure.resume()
      await new Promise((resolve) => secure.once('close', resolve))
    })
    await Promise.all(secured)
    t.strictSame(seen, clients)
  },
)

t.test('two protocols that claim the same connections stop the start', async (t) => {
  const rest = { accept() {}, drain: async () => {} }
  const apps = appHosts
  const named = { ...rest, name: 'named', takes: 'alpn', alpn: 'x/1', clientAuthority: null } as const
  for (const [what, protocols] of [
    [/hosts of apps/, [apps, { ...apps, name: 'more' }]],
    [/"x\/1"/, [named, { ...named, name: 'more' }]],
  ] as const)
    await t.rejects(startWeb([], {}, { protocols }), { code: 'MEZ_SERVICE_TWICE', message: what })
})

t.test('a protocol that claims an ALPN name of the core stops the start', async (t) => {
  const rest = {
    name: 'named',
    takes: 'alpn',
    clientAuthority: null,
    accept() {},
    drain: async () => {},
  } as const
  for (const alpn of ['h2', 'http/1.1', 'mezite-tunnel/1', 'mezite-join/1', 'mezite-to/1', 'mezite-x/1']) {
    const start = startWeb([], {}, { protocols: [{ ...rest, alpn }] })
    await t.rejects(start, { code: 'MEZ_PART_INVALID', message: alpn }, alpn)
  }
  const hub = await startWeb([], {}, { protocols: [{ ...rest, alpn: 'mezite-tcp/1' }] })
  await hub.stop()
})

t.test('the request goes to the protocol of apps’ hosts, whatever connection brought it', async (t) => {
  const seen: string[] = []
  const protocol: AppHostProtocol = {
    ...appHosts,
    request({ host, info }, _message, response) {
      seen.push(`${host.host} ${info.clientOf?.('9.9.9.9') ?? info.clientIp}`)
      response.end('app')
    },
  }
  for (const trustedProxies of [['127.0.0.1'], []]) {
    const hub = await startWeb([], {}, { trustedProxies, protocols: [protocol] })
    t.teardown(hub.stop)
    const host = { host: 'a.apps.mezite.localhost' }
    const status = async (name: string | null) => (await hub.ask('GET', '/', host, '', name)).status
    t.equal(await status('a.apps.mezite.localhost'), 200, 'with its name in the handshake')
    t.equal(await status(null), 200, 'without a name')
    t.equal(await status('hub.mezite.localhost'), trustedProxies.length > 0 ? 200 : 421, 'through a proxy')
  }
  const [proxied, direct] = ['9.9.9.9', '127.0.0.1'].map((ip) => `a.apps.mezite.localhost ${ip}`)
  t.strictSame(seen, [proxied, proxied, proxied, direct, direct])
})

t.test(
  'R193 a full port closes the oldest strangers of the largest address group, and no authenticated client',
  { skip: process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8' },
  async (t) => {
    const hub = await startWeb(
      [],
      {},
      {
        limits: { connections: 60 },
        browsers(socket, info) {
          socket.on('data', () => {
            info.authenticated?.()
            socket.write('known')
          })
        },
      },
    )
    t.teardown(hub.stop)
    const open = async (localAddress: string): Promise<TLSSocket> => {
      const socket = connect({
        port: hub.port,
        host: '127.0.0.1',
        ca: hub.ca,
        servername: 'hub.mezite.localhost',
        localAddress,
      } as never)
      socket.on('error', () => {})
      await once(socket, 'secureConnect', { signal: AbortSignal.timeout(20_000) })
      return socket
    }
    const known = await open('127.9.0.1')
    known.write('hello')
    await once(known, 'data')
    const flood: TLSSocket[] = []
    t.teardown(() => [known, ...flood].map((socket) => socket.destroy()))
    for (let n = 0; n < 59; n++) flood.push(await open(`127.${1 + (n % 3)}.0.1`))
    const people: TLSSocket[] = []
    for (let n = 0; n < 5; n++) people.push(await open(`127.${20 + n}.0.1`))
    t.teardown(() => people.map((socket) => socket.destroy()))
    for (const person of people) {
      person.write('hello')
      t.equal(String((await once(person, 'data'))[0]), 'known', 'a newcomer is served')
    }
    await until(() => flood.filter(({ destroyed }) => destroyed).length === 5, 'the flood pays')
    t.ok(flood.slice(0, 6).filter(({ destroyed }) => destroyed).length >= 4, 'with its oldest')
    known.write('again')
    t.equal(String((await once(known, 'data'))[0]), 'known', 'who has authenticated stays')
  },
)

t.test(
  'N167 4,000 silent connections from four addresses do not shut out others',
  { skip: process.platform !== 'linux' && 'only Linux has all of 127.0.0.0/8', timeout: 300_000 },
  async (t) => {
    const hub = await startWeb([], {}, { limits: { handshakeMs: 90_000 } })
    const silent: Socket[] = []
    t.teardown(async () => {
      for (const socket of silent) socket.destroy()
      await hub.stop()
    })
    let closed = 0
    const flood = async (localAddress: string) => {
      const socket = connectTcp({ port: hub.port, host: '127.0.0.1', localAddress })
      socket.on('error', () => {})
      socket.on('close', () => {
        closed += 1
      })
      silent.push(socket)
      await once(socket, 'connect')
    }
    const flooders = ['127.1.0.1', '127.2.0.1', '127.3.0.1', '127.4.0.1']
    for (let count = 0; count < 1_000; count += 50)
      await Promise.all(flooders.flatMap((from) => Array.from({ length: 50 }, () => flood(from))))
    await until(() => hub.front.connections >= 4_000, 'all of them are accepted')
    const answers = await Promise.all(Array.from({ length: 50 }, () => hub.raw(GET)))
    for (const answer of answers) t.match(answer, /^HTTP\/1\.1 404 /, 'another client is served')
    await until(() => closed > 0, 'connections of the flood are closed instead')
    const said = hub.lines.filter((line) => line.includes('too many unfinished TLS handshakes'))
    t.equal(said.length, 1, 'the log says so once')
    t.match(said[0], /127\.[1-4]\.0\.0\/24/)
  },
)
