// together: quick
import dns from 'node:dns'
import { mkdtempSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { DialRefusal, defineAgentPlugin } from '@mezite/core'
import { memoryLog } from '@mezite/core/testing'
import t from 'tap'
import { createAllowList } from '../../agent/allow-list.ts'
import { dialApp } from '../../agent/app-dialer.ts'
import http2Transport from '../../plugins/transport-http2/agent.ts'
import { drain, startApp } from '../traffic/tunnel/start-app.ts'
import { startTunnelHub, testApp } from '../traffic/tunnel/start-tunnel-hub.ts'
import unixSocketDialer from './unix-socket-dialer.ts'

t.test(
  'dial.open: a plugin reaches an application behind a Unix socket, others are dialled as ever',
  async (t) => {
    // Paths of Unix sockets are short: not in the folder of tap.
    const folder = mkdtempSync(join(tmpdir(), 'mez-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'app.sock')
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk: Buffer) => socket.write(`unix:${chunk}`))
      socket.on('end', () => socket.end())
    })
    await new Promise<void>((resolve) => server.listen(path, resolve))
    t.teardown(() => server.close())
    const hub = await startTunnelHub()
    t.teardown(() => hub.close())
    const agent = hub.agent({
      token: await hub.token(),
      plugins: [http2Transport, unixSocketDialer],
      configs: { 'unix-socket-dialer': { sockets: { behind: path, gone: `${path}.none` } } },
    })
    await agent.start()
    await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')

    const say = async (app: ReturnType<typeof testApp>): Promise<string> => {
      const pipe = await hub.open(app)
      const reading = drain(pipe)
      pipe.write(Buffer.from('hi'))
      pipe.end()
      const { bytes, error } = await reading
      t.equal(error, null)
      return `${bytes}`
    }
    const unreachable = 'tcp://127.0.0.1:1'
    t.equal(await say(testApp(unreachable, ['node-1'], { name: 'behind' })), 'unix:hi')
    const cut = await hub.open(testApp(unreachable, ['node-1'], { name: 'behind' }))
    const reading = drain(cut)
    cut.destroy()
    t.ok((await reading).error, 'a Unix socket has no reset; it is closed, and the agent lives')
    t.equal(await say(testApp(unreachable, ['node-1'], { name: 'behind' })), 'unix:hi')
    const tcp = await startApp(t, (socket) => {
      socket.on('data', (chunk: Buffer) => socket.write(`tcp:${chunk}`))
      socket.on('end', () => socket.end())
    })
    t.equal(await say(testApp(tcp.uri)), 'tcp:hi')
    await t.rejects(hub.open(testApp(unreachable, ['node-1'], { name: 'gone' })), {
      code: 'MEZ_DIAL_FAILED',
    })
  },
)

t.test('Q187 dial.open: a plugin that fails, or answers with no stream, opens nothing else', async (t) => {
  const { log, lines } = memoryLog()
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  let answer: unknown = new Error('no')
  const guard = defineAgentPlugin({
    name: 'guard',
    api: 1,
    summary: 'Fails',
    setup({ tap }) {
      tap.dial.open(() => {
        if (answer instanceof Error) throw answer
        return answer as Duplex
      })
    },
  })
  await hub.agent({ token: await hub.token(), plugins: [http2Transport, guard], log }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  let reached = false
  const app = await startApp(t, () => {
    reached = true
  })
  await t.rejects(hub.open(testApp(app.uri)), { code: 'MEZ_DIAL_FAILED' })
  const objects = new Duplex({ objectMode: true, read() {}, write() {} })
  for (const wrong of [{}, app.uri, 7, false, { on: () => {} }, objects]) {
    answer = wrong
    await t.rejects(hub.open(testApp(app.uri)), { code: 'MEZ_DIAL_FAILED' })
    t.match(lines.at(-1), /plugin 'guard' failed in dial\.open/, 'the log of the agent names the plugin')
  }
  t.match(lines.at(-1), /object mode/)
  answer = new DialRefusal('vault_sealed', 'the vault is sealed')
  await t.rejects(hub.open(testApp(app.uri)), { code: 'MEZ_DIAL_FAILED', reason: 'vault_sealed' })
  t.throws(() => new DialRefusal('Vault sealed', 'x'), TypeError)
  t.equal(reached, false)
  answer = null
  await hub.open(testApp(app.uri)).then((pipe) => pipe.destroy())
  await hub.until(() => reached, 'what the plugin leaves to the agent is dialled, by the agent that lives')
})

t.test('dial.open: a plugin may read from its socket before it returns it paused', async (t) => {
  const hub = await startTunnelHub()
  t.teardown(() => hub.close())
  const app = await startApp(t, (socket) => {
    socket.write('220 ready\r\n')
    socket.on('data', (chunk: Buffer) => socket.write(`tcp:${chunk}`))
    socket.on('end', () => socket.end())
  })
  const polite = defineAgentPlugin({
    name: 'polite',
    api: 1,
    summary: 'Reads the greeting first',
    setup({ tap }) {
      tap.dial.open(
        ({ uri }) =>
          new Promise<Duplex>((resolve) => {
            const socket = connect({ port: Number(new URL(uri).port), allowHalfOpen: true })
            socket.once('data', () => {
              socket.pause()
              resolve(socket)
            })
          }),
      )
    },
  })
  await hub.agent({ token: await hub.token(), plugins: [http2Transport, polite] }).start()
  await hub.until(() => hub.tunnel.links().length === 1, 'it is connected')
  const pipe = await hub.open(testApp(app.uri))
  const reading = drain(pipe)
  pipe.write(Buffer.from('hi'))
  pipe.end()
  const { bytes, error } = await reading
  t.equal(error, null)
  t.equal(`${bytes}`, 'tcp:hi')
})

t.test('fault 39: each connection goes to the address that the name of the app has then', async (t) => {
  const reached: string[] = []
  const listen = (address: string, port: number) =>
    new Promise<Server>((resolve) => {
      const server = createServer((socket) => {
        reached.push(address)
        socket.destroy()
      }).listen(port, address, () => resolve(server))
    })
  const first = await listen('127.0.0.2', 0)
  const { port } = first.address() as AddressInfo
  const second = await listen('127.0.0.3', port)
  let address = '127.0.0.2'
  const { lookup } = dns
  const set = (next: unknown): void => {
    Object.assign(dns, { lookup: next })
    syncBuiltinESMExports()
  }
  t.teardown(() => {
    set(lookup)
    first.close()
    second.close()
  })
  set((_name: string, _options: object, done: (error: null, found: object[]) => void) =>
    done(null, [{ address, family: 4 }]),
  )
  const target = {
    ...{ app: 'moving', uri: `tcp://app.example.test:${port}`, connectMs: 5_000 },
    tls: { verify: true, serverName: null, ca: null },
  }
  for (const next of ['127.0.0.2', '127.0.0.3']) {
    address = next
    const socket = await dialApp(target, createAllowList(undefined))
    await new Promise((resolve) => socket.resume().once('end', resolve))
    socket.destroy()
  }
  t.same(reached, ['127.0.0.2', '127.0.0.3'])
})
