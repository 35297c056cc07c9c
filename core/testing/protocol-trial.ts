import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { inTime } from './conformance-test.ts'
import { openProtocolBench, type ProtocolBench } from './protocol-bench.ts'
import type { ConformProtocolOptions } from './protocol-conformance.ts'

export const DEADLINE_MS = 60_000
/** How long a cut may take, including the notification of the hub by its database. */
export const CUT_MS = 5_000
export const POLL_MS = 20

/** An app of the kind under test, and people who connect to it. The bench is opened by the first test that needs it. */
export function createProtocolTrial(options: ConformProtocolOptions) {
  const { kind, uri = (port) => `tcp://127.0.0.1:${port}` } = options
  // Suites that share a bench may run at the same time.
  const name = `conform-${kind}-${randomBytes(4).toString('hex')}`
  const sockets = new Set<Socket>()
  const streams = new Set<Duplex>()
  /** Every connection to the app; those of the agent that only try whether it responds carry no bytes. */
  const everyone: Socket[] = []
  const reached = () => everyone.filter(({ bytesRead }) => bytesRead > 0).length
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    everyone.push(socket)
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    if (options.app) options.app(socket)
    else socket.pipe(socket)
  })
  server.unref()
  let opened: Promise<ProtocolBench> | undefined
  const bench = () => {
    opened ??= open()
    return opened
  }
  async function open(): Promise<ProtocolBench> {
    const own = options.bench ?? (await openProtocolBench(options.plugins, options.agentPlugins))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await own.hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels: { conform: 'yes' } },
      spec: { uri: uri(port), protocol: kind, agents: [own.agent.hostname] },
    })
    return own
  }

  const keep = (stream: Duplex) =>
    streams.add(stream.on('error', () => {}).once('close', () => streams.delete(stream)))

  /** Connects as a new person with these roles; null: as somebody without credentials. */
  async function connect(roles: readonly string[] | null, user = `person-${randomBytes(4).toString('hex')}`) {
    const { hub, person } = await bench()
    const visitor = roles === null ? null : await person(user, roles)
    const stream = await inTime(options.connect({ hub, app: name, visitor }), 'the connection', DEADLINE_MS)
    // Of the previous test, if it failed.
    for (const one of streams) one.destroy()
    keep(stream)
    return { stream, user: `${user}@example.com` }
  }
  /** True if nobody is connected: the attempt failed, or its stream closes and none of its bytes reaches the app. */
  async function isRefused(roles: readonly string[] | null): Promise<boolean> {
    const before = reached()
    const attempt = await connect(roles).catch(() => null)
    attempt?.stream.resume()
    attempt?.stream.write(randomBytes(16))
    try {
      if (attempt !== null) await closed(attempt.stream, 'the refused stream')
    } finally {
      attempt?.stream.destroy()
    }
    return reached() === before
  }
  const round = async (stream: Duplex): Promise<boolean> => {
    const sent = randomBytes(16)
    stream.write(sent)
    const [back] = await inTime(once(stream, 'data'), 'the echo', DEADLINE_MS)
    return sent.equals(back as Buffer)
  }
  const appCloses = async (what: string) => {
    const end = performance.now() + CUT_MS
    while (sockets.size > 0) {
      if (performance.now() > end) throw new Error(`${what}: the app's connection is still open`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  return {
    name,
    /** The port of the app; after `bench`. */
    port: () => (server.address() as AddressInfo).port,
    bench,
    connect,
    /** Ends the stream with the next `connect`, in case its test fails. */
    keep,
    isRefused,
    /** Whether the stream returns what is sent. */
    round,
    appCloses,
    reached,
    resetApp(): void {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close: () => server.close(),
  }
}

/** Resolves when the hub has ended the stream: a client may still hold its own half open. */
export async function closed(stream: Duplex, what: string, ms = DEADLINE_MS): Promise<void> {
  if (stream.destroyed || stream.readableEnded) return
  const ended = new Promise<void>((resolve) => {
    for (const event of ['end', 'close']) stream.once(event, () => resolve())
  })
  await inTime(ended, what, ms)
}
