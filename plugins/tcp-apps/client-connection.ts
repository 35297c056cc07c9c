import { randomUUID } from 'node:crypto'
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { messageOf } from '@mezite/core'
import type { CertifiedCaller } from '@mezite/core/identity'
import {
  type Admission,
  APP_PROTOCOL_HEADER,
  LONGEST_TIMER_MS,
  PipeDuplex,
  PUBLIC_HOST_HEADER,
  type Refusal,
  releaseListeners,
  resetStream,
  SESSION_WINDOW,
  StreamPipe,
  startHeartbeat,
  tunnelHttp2,
  UnreadBudget,
} from '@mezite/core/protocol'
import { AppConnection, type ConnectionEnd } from './app-connection.ts'
import type { Deps } from './deps.ts'
import { limits } from './limits.ts'
import { refusalOf, refuseStream, type StreamRefusal } from './stream-refusal.ts'

/** As on tunnels, but with fewer streams and smaller heads, because the client is not trusted. */
const http2Options = (streams: number) => ({
  ...tunnelHttp2,
  settings: {
    ...tunnelHttp2.settings,
    // HTTP/2 itself refuses more.
    maxConcurrentStreams: streams,
    maxHeaderListSize: limits.headerBytes,
    enableConnectProtocol: false,
  },
  maxHeaderListPairs: limits.headerLines,
  streamResetBurst: limits.resets,
  streamResetRate: limits.resetsPerSecond,
  maxSessionInvalidFrames: 100,
})

export interface ClientOptions {
  readonly deps: Deps
  readonly socket: TLSSocket
  /** Whom its certificate names. */
  readonly caller: CertifiedCaller
  /** Id of the key of the user CA that signed the certificate. */
  readonly authority: string
  readonly clientIp: string
  readonly onClosed: (client: ClientConnection) => void
}

/** One connection of msh: HTTP/2 on mutual TLS, one CONNECT stream for each connection to an application. */
export class ClientConnection {
  readonly sessionId: string
  /** Id of the key of the user CA that signed its certificate. */
  readonly authority: string
  readonly connections = new Set<AppConnection>()
  readonly #options: ClientOptions
  readonly #http2: ServerHttp2Session
  readonly #budget: UnreadBudget
  #expiry: NodeJS.Timeout | undefined
  /** Every stream gets this refusal once the connection serves nobody. */
  #refusal: StreamRefusal | null = null
  #learning: Promise<void> | null = null
  #draining = false
  #closed = false

  constructor(options: ClientOptions) {
    const { deps, socket, caller } = options
    this.#options = options
    this.sessionId = caller.sessionId
    this.authority = options.authority
    this.#http2 = performServerHandshake(socket, http2Options(deps.settings.connections_per_person))
    this.#budget = new UnreadBudget(this.#http2)
    this.#http2.setLocalWindowSize(SESSION_WINDOW)
    this.#http2.on('error', () => {})
    this.#http2.on('stream', (stream, headers) => this.#take(stream, headers))
    this.#http2.once('close', () => this.#atClose())
    releaseListeners(this.#http2)
    socket.once('close', () => this.#http2.destroy())
    startHeartbeat(this.#http2, {
      clock: deps.clock,
      intervalMs: limits.heartbeatMs,
      bytesRead: () => socket.bytesRead,
      onDead: () => this.#destroy(),
    })
    this.#cutAt(caller.expires)
    // Another hub may have opened the session a moment ago.
    if (!deps.sessions.byId(this.sessionId)) this.#learning = this.#learn()
    else this.#checkSession()
  }

  /** Ends everything at once. The GOAWAY frame carries `code`. */
  end(reason: ConnectionEnd, code: string = reason): void {
    for (const connection of [...this.connections]) connection.cut(reason)
    if (this.#http2.destroyed) return
    this.#refusal ??= { status: 401, reason: code }
    this.#http2.goaway(constants.NGHTTP2_NO_ERROR, 0, Buffer.from(code))
    setTimeout(() => this.#destroy(), limits.closeMs).unref()
  }

  /** No new streams; closes by itself when the last one has ended. */
  drain(): void {
    if (this.#draining) return
    this.#draining = true
    this.#refusal ??= { status: 503, reason: 'draining' }
    // After GOAWAY msh opens new streams elsewhere.
    if (!this.#http2.destroyed) this.#http2.close()
  }

  async #learn(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limits.learnMs)
    })
    // Without the database the view is stale, and the gate refuses for that reason.
    await Promise.race([this.#options.deps.revisions.catchUp().catch(() => {}), late])
    clearTimeout(timer)
    this.#learning = null
    this.#checkSession()
  }

  /** The certificate must belong to a live session and to its person. */
  #checkSession(): void {
    const { deps, caller } = this.#options
    const session = deps.sessions.byId(this.sessionId)
    if (session?.kind === 'cert' && session.user === caller.user) return
    if (session === undefined && !deps.revisions.fresh()) return
    const reason = session === undefined ? 'session_ended' : 'certificate_refused'
    deps.audit.record({
      type: 'access.denied',
      success: false,
      reason,
      user: caller.user,
      clientIp: this.#options.clientIp,
      sessionId: caller.sessionId,
      fields: { app: null, protocol: 'tcp' },
    })
    this.#refusal = { status: 401, reason }
    setTimeout(() => this.end('revoked', reason), limits.refusedMs).unref()
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Before anything that may fail: an unhandled error of a stream would end the process.
    stream.on('error', () => {})
    const serve = (): void => {
      try {
        this.#serve(stream, headers)
      } catch (error) {
        this.#broken(stream, error)
      }
    }
    if (this.#learning) this.#learning.then(serve)
    else serve()
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (this.#refusal) return void refuseStream(stream, this.#refusal)
    if (headers[':method'] !== 'CONNECT')
      return void refuseStream(stream, { status: 405, reason: 'connect_only' })
    const protocol = headers[APP_PROTOCOL_HEADER] ?? 'tcp'
    const { access, catalog, certifiedHttp } = this.#options.deps
    if (protocol !== 'tcp' && (protocol !== 'http' || !certifiedHttp))
      return void refuseStream(stream, { status: 400, reason: 'protocol_unknown' })
    const outcome = access.admit({
      who: this.#options.caller,
      app: catalog.byName(headers[':authority'] ?? ''),
      protocol,
      clientIp: this.#options.clientIp,
      requestId: randomUUID(),
    })
    if (!(outcome instanceof Promise)) return void this.#act(stream, outcome)
    outcome.then((late) => this.#act(stream, late)).catch((error: unknown) => this.#broken(stream, error))
  }

  #act(stream: ServerHttp2Stream, outcome: Admission | Refusal): void {
    if (outcome.outcome !== 'admitted') return void refuseStream(stream, refusalOf(outcome))
    if (stream.destroyed || stream.closed) return void outcome.close()
    const { app } = outcome
    const user = outcome.subject?.user ?? ''
    const overload = this.#options.deps.load.take(user, app.id)
    if (overload !== null) {
      outcome.deny(overload)
      return void refuseStream(stream, { status: overload === 'app_limit' ? 503 : 429, reason: overload })
    }
    const leave = () => this.#options.deps.load.give(user, app.id)
    if (app.protocol === 'http') this.#carryHttp(stream, outcome, leave)
    else this.#connect(stream, outcome, leave)
  }

  /** Passes the stream to the code that serves browsers, which admits and records each request on it. */
  #carryHttp(stream: ServerHttp2Stream, admission: Admission, leave: () => void): void {
    const { deps, clientIp } = this.#options
    const { app } = admission
    stream.once('close', leave)
    admission.close()
    stream.respond(
      { ':status': 200, [PUBLIC_HOST_HEADER]: `${app.publicAddr}${deps.publicNames.portSuffix}` },
      { endStream: false },
    )
    deps.certifiedHttp?.accept(
      new PipeDuplex(new StreamPipe(stream, '', this.#budget), { allowHalfOpen: true }),
      {
        clientIp,
        clientPort: 0,
        trustedProxy: false,
        serverName: null,
        certified: { sessionId: this.sessionId, appId: app.id },
      },
    )
  }

  #connect(stream: ServerHttp2Stream, admission: Admission, leave: () => void): void {
    const connection = new AppConnection({
      deps: this.#options.deps,
      stream,
      admission,
      clientLost: () => this.#http2.destroyed,
      budget: this.#budget,
      onOver: (over) => {
        leave()
        this.connections.delete(over)
      },
    })
    this.connections.add(connection)
  }

  #broken(stream: ServerHttp2Stream, error: unknown): void {
    this.#options.deps.log.error({ error: messageOf(error) }, 'failed to serve a connection')
    resetStream(stream, constants.NGHTTP2_INTERNAL_ERROR)
  }

  /** Ends the connection when its certificate expires. */
  #cutAt(notAfter: number): void {
    const left = notAfter - this.#options.deps.clock.now()
    if (left <= 0) this.end('expired', 'certificate_expired')
    else this.#expiry = setTimeout(() => this.#cutAt(notAfter), Math.min(left, LONGEST_TIMER_MS))
  }

  #destroy(): void {
    this.#http2.destroy()
    this.#options.socket.destroy()
  }

  #atClose(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#expiry)
    for (const connection of [...this.connections]) connection.cut('client_lost')
    this.#options.socket.destroy()
    this.#options.onClosed(this)
  }
}
