/** A stand-in for a hub, as msh sees it: login and JSON API on HTTPS, and `mezite-tcp/1` to real servers, on one port. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { REASON_HEADER, relaySocket, StreamPipe } from '../../core/protocol.ts'
import { makeAuthority } from './stand-in-authorities.ts'

export interface StandInApp {
  readonly protocol: 'tcp' | 'http'
  /** Port on 127.0.0.1. */
  readonly port: number
  /** Why every connection is refused, after `admits` were admitted. */
  readonly refusal?: { readonly status: number; readonly reason: string }
}

export interface MshHub {
  readonly dir: string
  readonly caFile: string
  /** `hub.localhost:PORT`. */
  readonly proxy: string
  readonly apps: Map<string, StandInApp>
  /** Requests to the API and to the login page. */
  readonly seen: { method: string; url: string; body: Record<string, unknown> | null }[]
  /** Streams that were asked for: the app's name and protocol. */
  readonly asked: string[]
  /** Seconds that certificates are valid; null: what is asked for. */
  ttlSeconds: number | null
  /** What `/me` says of a lock. */
  locked: { readonly message: string | null } | null
  /** The bearer token of the next login. The hub knows no other. */
  token: string
  /** Whether the bearer token still counts. */
  signedIn: boolean
  /** Connections of msh now. */
  readonly sessions: Set<ServerHttp2Session>
  /** Cuts all connections and listens no more. */
  down(): Promise<void>
  /** Listens again, on the same port. */
  up(options?: { names?: readonly string[]; foreignAuthority?: boolean }): Promise<void>
  stop(): Promise<void>
}

const USER = 'alice@example.com'

export async function startMshHub(): Promise<MshHub> {
  const dir = mkdtempSync(join(tmpdir(), 'msh-'))
  const [hubCa, userCa, otherCa] = await Promise.all(['Hub', 'Users', 'Other'].map(makeAuthority))
  const caFile = join(dir, 'ca.pem')
  writeFileSync(caFile, hubCa!.pem)
  const codes = new Map<string, string>()
  const sockets = new Set<Socket>()
  const web = createServer((request, response) => void answer(request, response))
  let server = createTlsServer()
  let port = 0

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const body = text === '' ? null : JSON.parse(text)
    const { method = '', url = '' } = request
    hub.seen.push({ method, url, body })
    const json = (status: number, value: object) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(value))
    }
    const page = new URL(url, 'https://hub')
    if (page.pathname === '/web/cli') {
      const code = randomUUID()
      codes.set(code, page.searchParams.get('challenge')!)
      const local = page.searchParams.get('redirect_port')
      if (local === null) return void response.end(code)
      response.writeHead(303, { location: `http://127.0.0.1:${local}/callback?code=${code}` })
      return void response.end()
    }
    if (page.pathname === '/v1/webapi/user-certs') {
      const challenge = createHash('sha256')
        .update(body.verifier ?? '')
        .digest('base64url')
      if (body.bot === undefined && codes.get(body.code) !== challenge)
        return json(400, { code: 'code_invalid', status: 400 })
      const notAfter = Date.now() + (hub.ttlSeconds ?? body.ttl_seconds) * 1_000
      const session = randomUUID()
      const uri = `mezite://test/user/${encodeURIComponent(USER)}?session=${session}`
      return json(200, {
        certificate: await userCa!.user(body.public_key, uri, notAfter),
        hub_ca: hubCa!.pem,
        user: USER,
        roles: ['platform'],
        cluster: 'test',
        session_id: session,
        token: hub.token,
        expires: new Date(notAfter).toISOString(),
      })
    }
    if (request.headers.authorization !== `Bearer ${hub.token}` || !hub.signedIn) {
      return json(401, { code: 'unauthenticated', status: 401, detail: 'Sign in.' })
    }
    if (page.pathname === '/v1/webapi/me') {
      return json(200, { user: USER, roles: ['platform', 'new'], locked: hub.locked })
    }
    if (page.pathname === '/v1/webapi/me/apps') {
      const apps = [...hub.apps].map(([name, { protocol }]) => ({
        name,
        protocol,
        public_addr: `${name}.apps.localhost`,
        labels: { env: 'prod' },
        ...(protocol === 'http' && { url: `https://${name}.apps.localhost:8443/` }),
      }))
      return json(200, apps as never)
    }
    json(200, { ended: 1 })
  }

  function serve(stream: ServerHttp2Stream, headers: Record<string, unknown>): void {
    stream.on('error', () => {})
    const name = String(headers[':authority'])
    const protocol = headers['mezite-protocol'] ?? 'tcp'
    hub.asked.push(`${name} ${protocol}`)
    const app = hub.apps.get(name)
    const refuse = (status: number, reason: string) =>
      stream.respond({ ':status': status, [REASON_HEADER]: reason }, { endStream: true })
    if (!app) return void refuse(404, 'app_unknown')
    if (app.refusal) return void refuse(app.refusal.status, app.refusal.reason)
    if (app.protocol !== protocol) return void refuse(400, 'protocol_mismatch')
    const socket = connect({ host: '127.0.0.1', port: app.port, allowHalfOpen: true, noDelay: true })
    socket.on('error', () => {
      if (!stream.headersSent && !stream.destroyed) refuse(502, 'connection_refused')
    })
    socket.once('connect', () => {
      if (stream.destroyed || stream.closed) return socket.destroy()
      const host = protocol === 'http' ? { 'mezite-public-host': `${name}.apps.localhost:${port}` } : {}
      stream.respond({ ':status': 200, ...host }, { endStream: false })
      relaySocket(new StreamPipe(stream, ''), socket)
    })
  }

  function accept(socket: TLSSocket): void {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    if (socket.alpnProtocol !== 'mezite-tcp/1') return void web.emit('connection', socket)
    if (!socket.authorized) return void socket.destroy()
    const session = performServerHandshake(socket, {
      maxSessionMemory: 1_024,
      settings: { initialWindowSize: 4 << 20, maxConcurrentStreams: 10_000 },
      streamResetBurst: 100_000,
      streamResetRate: 10_000,
    } as never)
    session.setLocalWindowSize(32 << 20)
    hub.sessions.add(session)
    session.on('error', () => {})
    session.once('close', () => hub.sessions.delete(session))
    session.on('stream', serve)
  }

  const hub: MshHub = {
    dir,
    caFile,
    apps: new Map(),
    seen: [],
    asked: [],
    ttlSeconds: null,
    locked: null,
    signedIn: true,
    token: 'token-of-alice',
    sessions: new Set(),
    get proxy() {
      return `hub.localhost:${port}`
    },
    async down() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const session of hub.sessions) session.destroy()
      for (const socket of sockets) socket.destroy()
      await closed
    },
    async up({ names = ['hub.localhost', 'hub.test.mezite.internal'], foreignAuthority = false } = {}) {
      const identity = await (foreignAuthority ? otherCa! : hubCa!).server(names)
      server = createTlsServer({
        ...identity,
        ca: userCa!.pem,
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: 'TLSv1.3',
        ALPNCallback: ({ protocols }) => protocols.find((name) => /^(mezite-tcp\/1|http\/1\.1)$/.test(name)),
      })
      // Raw ones too: a handshake that is under way must not hold up the end.
      server.on('connection', (socket: Socket) => {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.once('close', () => sockets.delete(socket))
      })
      server.on('secureConnection', accept)
      server.on('tlsClientError', () => {})
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
      port = (server.address() as AddressInfo).port
    },
    async stop() {
      await hub.down()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  await hub.up()
  return hub
}
