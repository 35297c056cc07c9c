import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { type ConformTest, inTime } from './conformance-test.ts'
import { type ProtocolBench, ROLE } from './protocol-bench.ts'
import { CUT_MS, closed, createProtocolTrial, DEADLINE_MS, POLL_MS } from './protocol-trial.ts'
import type { PluginUnderTest, TestHub } from './test-hub.ts'
import type { Visitor } from './visitor.ts'

/** One attempt to connect to an app. */
export interface ProtocolVisit {
  readonly hub: TestHub
  /** Name of the app. */
  readonly app: string
  /** The browser of the person, signed in; null for somebody without credentials. */
  readonly visitor: Visitor | null
}

/** Inputs of `conformProtocol`. */
export interface ConformProtocolOptions {
  /** `spec.protocol` of the apps. */
  readonly kind: string
  /** The halves of the plugin; those of the agent if it dials the kind itself. */
  readonly plugins?: readonly PluginUnderTest[]
  readonly agentPlugins?: readonly PluginUnderTest[]
  /** `spec.uri` of an app that listens on this port of 127.0.0.1. Default: `tcp://127.0.0.1:PORT`. */
  readonly uri?: (port: number) => string
  /** The app. Default: it echoes bytes and ends when its input ends. */
  readonly app?: (socket: Socket) => void
  /** Connects as a client of the protocol; rejects, or returns a stream that closes, if access is refused. */
  readonly connect: (visit: ProtocolVisit) => Promise<Duplex>
  /**
   * Connects to a target through the app, as `connect` to the app; for a kind with `targets`. Rejects, or returns a stream
   * that closes, if the target is refused.
   */
  readonly target?: (visit: ProtocolVisit, host: string, port: number) => Promise<Duplex>
  /** The protocol's ALPN name, if it has its own: its connections must survive bytes of strangers. */
  readonly alpn?: string
  /** A running bench with the plugins. Default: a bench of this suite. The last test stops it, unless it is shared. */
  readonly bench?: ProtocolBench
}

const BYTES = 256 << 10
/**
 * Checks a protocol, alone or with the app kind that it serves, in a running hub with an agent: it carries the bytes of
 * those who are admitted, nobody else reaches the app, connections end when access ends, and each is recorded.
 */
export function conformProtocol(t: ConformTest, options: ConformProtocolOptions): void {
  const { alpn, target } = options
  const trial = createProtocolTrial(options)
  const { name, bench, connect, isRefused, round, appCloses, reached } = trial

  t.test('it carries bytes whole in both directions', async (t) => {
    const { stream } = await connect([ROLE])
    const sent = randomBytes(BYTES)
    const received = collect(stream, BYTES)
    stream.write(sent)
    t.ok((await inTime(received, 'the echo', DEADLINE_MS)).equals(sent), `${BYTES} bytes`)
    stream.end()
    stream.resume()
    await appCloses('after the end')
  })

  t.test('nobody without access reaches the app', async (t) => {
    t.ok(await isRefused(['stranger']), 'a person without a role for it')
    t.ok(await isRefused(null), 'somebody without credentials')
    const { hub } = await bench()
    await hub.api('POST', `/apps/${name}/disable`)
    t.ok(await isRefused([ROLE]), 'everybody while the app is disabled')
    await hub.api('POST', `/apps/${name}/enable`)
  })

  t.test('a connection is cut at both ends when access ends', async (t) => {
    const { hub } = await bench()
    const { stream, user } = await connect([ROLE])
    t.ok(await round(stream), 'it is open')
    stream.resume()
    await hub.api('POST', '/locks', { target: { user } })
    await closed(stream, 'the stream of a locked user', CUT_MS)
    await appCloses('of a locked user')
    t.ok(true, 'with a lock')
  })

  t.test('the loss of one end closes the other', async (t) => {
    const one = await connect([ROLE])
    t.ok(await round(one.stream), 'it is open')
    one.stream.destroy()
    await appCloses('after the loss of the client')
    const other = await connect([ROLE])
    t.ok(await round(other.stream), 'it is open')
    other.stream.resume()
    trial.resetApp()
    await closed(other.stream, 'the stream after a reset by the app')
    t.ok(true, 'in both directions')
  })

  t.test('the use of the app is recorded with the person', async (t) => {
    const { hub } = await bench()
    const { stream, user } = await connect([ROLE])
    await round(stream)
    stream.end()
    stream.resume()
    const end = performance.now() + DEADLINE_MS
    const uses = async () => {
      const query = new URLSearchParams({ user, limit: '100' })
      const events = await hub.api<{ type: string; app?: string }[]>('GET', `/audit?${query}`)
      return events.filter(({ type, app }) => type.startsWith('app.') && app === name)
    }
    while ((await uses()).length === 0 && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    t.ok((await uses()).length > 0, `an event app.* with app ${name} and user ${user}`)
  })

  if (target !== undefined)
    t.test('only targets that the agent allows are reached, with access, and each is recorded', async (t) => {
      const { hub, person } = await bench()
      const user = `person-${randomBytes(4).toString('hex')}`
      const visitor = await person(user, [ROLE])
      const visit = { hub, app: name, visitor }
      const port = trial.port()
      const allowed = await inTime(target(visit, '127.0.0.1', port), 'the target', DEADLINE_MS)
      trial.keep(allowed)
      t.ok(await round(allowed), 'a target that the agent allows is reached')
      allowed.destroy()
      // Agents never connect to link-local addresses that they do not name: there are the secrets of clouds.
      const refused = await target(visit, '169.254.169.254', 80).catch(() => null)
      refused?.resume().on('error', () => {})
      if (refused !== null) await closed(refused, 'the stream to a target that the agent refuses')
      const before = reached()
      const stranger = { ...visit, visitor: await person(`${user}-2`, ['stranger']) }
      const denied = await target(stranger, '127.0.0.1', port).catch(() => null)
      denied?.resume().on('error', () => {})
      if (denied !== null) await closed(denied, 'the stream of a person without a role')
      t.ok(reached() === before, 'a person without a role reaches no target')
      const query = new URLSearchParams({ type: 'app.target', app: name, limit: '100' })
      type Target = { user: string; success: boolean; target: string }
      const ofPerson = async () =>
        (await hub.api<Target[]>('GET', `/audit?${query}`)).filter(
          (one) => one.user === `${user}@example.com`,
        )
      for (const end = performance.now() + DEADLINE_MS; (await ofPerson()).length < 2; )
        if (performance.now() > end) break
        else await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      const found = (await ofPerson()).map(({ success, target }) => `${target} ${success}`).sort()
      const wanted = [`tcp://127.0.0.1:${port} true`, 'tcp://169.254.169.254:80 false']
      t.ok(found.join() === wanted.join(), `app.target is recorded: ${found.join()}`)
    })

  t.test('bytes of strangers end their connection, and nothing else', async (t) => {
    if (alpn === undefined) return void t.ok(true, 'the hub parses the requests')
    const { hub } = await bench()
    const before = reached()
    const socket = connectTls({
      host: '127.0.0.1',
      port: hub.ports.public,
      servername: new URL(hub.url).hostname,
      ALPNProtocols: [alpn],
      rejectUnauthorized: false,
    })
    socket.on('error', () => {})
    socket.resume()
    socket.write(randomBytes(64 << 10))
    await closed(socket, 'the connection of a stranger').finally(() => socket.destroy())
    await hub.ready()
    t.ok(reached() === before, 'the hub is ready, and the app was not reached')
  })

  t.test('a hub stops although a connection is open', async (t) => {
    const own = await bench()
    try {
      const { stream } = await connect([ROLE])
      await round(stream)
      stream.resume()
      if (own.shared) return void stream.destroy()
      await inTime(own.hub.stop(), 'the stop', DEADLINE_MS)
      await closed(stream, 'the open stream')
      const late = own.hub.log.filter((line) => /draining (timed out|failed)/.test(line))
      t.ok(late.length === 0, late.join(' | ') || 'in the grace period')
    } finally {
      trial.close()
      if (!own.shared) await own.close()
    }
  })
}

/** The first `length` bytes, or those up to the end of the stream. */
async function collect(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  await new Promise<void>((resolve) => {
    const read = (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= length) resolve()
    }
    stream.on('data', read).once('close', () => resolve())
  })
  stream.removeAllListeners('data')
  return Buffer.concat(chunks)
}
