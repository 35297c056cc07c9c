import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import {
  connectIssuer,
  createTestAgent,
  createTestHub,
  FakeIssuer,
  programLogin,
  type TestAgent,
  type TestAgentOptions,
  type TestHub,
  type TestHubOptions,
} from '@mezite/core/testing'
import { type Login, mshSession, mshTls } from './connect-msh.ts'

export type { Login } from './connect-msh.ts'

export type Event = Readonly<Record<string, unknown>>

export interface TcpHub {
  readonly hub: TestHub
  readonly issuer: FakeIssuer
  readonly agent: TestAgent
  /** Signs a person in; roles are what the groups say. */
  login(name: string, groups: readonly string[], more?: object): Promise<Login>
  /** Serves `listener` on loopback and publishes it; `labels` default to what role `platform` reaches. */
  publish(name: string, listener: (socket: Socket) => void, more?: Publish): Promise<number>
  /** TLS as msh opens it. */
  tls(who: Partial<Login>, options?: ConnectionOptions): TLSSocket
  /** One connection of msh. */
  msh(who: Login, options?: ConnectionOptions): ClientHttp2Session
  /** Events of the type that fit, once there are `count`. */
  events(type: string, fits: (event: Event) => boolean, count?: number): Promise<Event[]>
  stop(): Promise<void>
}

export interface Publish {
  readonly labels?: Readonly<Record<string, string>>
  readonly spec?: object
  readonly uri?: string
}

export const ROLES = {
  platform: { options: { max_session_ttl: '24h' }, allow: { app_labels: { team: 'platform' } } },
  careful: { options: { require_session_mfa: true }, allow: { app_labels: { team: 'platform' } } },
  devices: { options: { require_device_trust: true }, allow: { app_labels: { team: 'platform' } } },
}

/** A whole hub with an agent and a provider, in this process, on loopback. */
export async function startTcpHub(
  options: TestHubOptions & { readonly agentPlugins?: TestAgentOptions['plugins'] } = {},
): Promise<TcpHub> {
  const { agentPlugins = [], ...hubOptions } = options
  const issuer = await FakeIssuer.start()
  const hub = await createTestHub(hubOptions)
  await connectIssuer(hub, issuer, ROLES)
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const sessions = new Set<ClientHttp2Session>()
  const agent = await createTestAgent(hub, { transports: ['http2'], plugins: agentPlugins })

  const tls = (who: Partial<Login>, more?: ConnectionOptions) => mshTls(hub.ports.public, who, more)

  return {
    hub,
    issuer,
    agent,
    async login(name, groups, more) {
      issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true, groups }
      return programLogin(hub, more)
    },
    async publish(name, listener, more = {}) {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => sockets.delete(socket))
        listener(socket)
      })
      servers.push(server)
      await new Promise<void>((resolve) =>
        server.listen({ port: 0, host: '127.0.0.1', backlog: 2_000 }, resolve),
      )
      const { port } = server.address() as AddressInfo
      await hub.api('PUT', `/apps/${name}`, {
        kind: 'app',
        version: 'v1',
        metadata: { name, labels: more.labels ?? { team: 'platform' } },
        spec: {
          uri: more.uri ?? `tcp://127.0.0.1:${port}`,
          protocol: 'tcp',
          agents: ['node-1'],
          ...more.spec,
        },
      })
      return port
    },
    tls,
    msh(who, more) {
      const session = mshSession(tls(who, more))
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
      return session
    },
    async events(type, fits, count = 1) {
      const end = Date.now() + 60_000
      while (true) {
        const all = await hub.api<Event[]>('GET', `/audit?type=${type}&limit=1000`)
        const found = all.filter(fits)
        if (found.length >= count) return found
        if (Date.now() > end) throw new Error(`${found.length} of ${count} ${type}`)
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
    },
    async stop() {
      for (const session of sessions) session.destroy()
      await agent.stop(200)
      for (const socket of sockets) socket.destroy()
      for (const server of servers) server.close()
      await hub.stop()
      await issuer.close()
    },
  }
}

export interface Opened {
  readonly stream: ClientHttp2Stream
  readonly status: number
  readonly reason: string | undefined
  /** As it came. */
  readonly message: string | undefined
}

/** One CONNECT stream, once it is answered. */
export function open(
  session: ClientHttp2Session,
  app: string,
  headers: object = {},
  early = '',
): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': 'CONNECT', ':authority': app, ...headers },
      { endStream: false },
    )
    stream.on('error', () => {})
    if (early !== '') stream.write(early)
    stream.once('close', () => reject(new Error(`closed unanswered, code ${stream.rstCode}`)))
    stream.once('response', (answer) =>
      resolve({
        stream,
        status: Number(answer[':status']),
        reason: answer['mezite-reason'] as string | undefined,
        message: answer['mezite-message'] as string | undefined,
      }),
    )
  })
}

/** Resolves to everything that the stream brings until its clean end; rejects on a reset. */
export function readAll(stream: ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('close', () =>
      stream.rstCode === 0 ? resolve(Buffer.concat(chunks)) : reject(new Error(`reset ${stream.rstCode}`)),
    )
  })
}

export const closed = (stream: ClientHttp2Stream): Promise<number> =>
  new Promise((resolve) => {
    if (stream.destroyed) return resolve(stream.rstCode ?? 0)
    stream.once('close', () => resolve(stream.rstCode ?? 0))
  })
