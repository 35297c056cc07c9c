import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http2'
import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { messageOf } from '@mezite/core'
import {
  APP_PROTOCOL_HEADER,
  LONGEST_TIMER_MS,
  type Overload,
  PUBLIC_HOST_HEADER,
  releaseListeners,
  resetStream,
  SESSION_WINDOW,
  StreamPipe,
  startHeartbeat,
  tunnelHttp2,
  UnreadBudget,
} from '@mezite/core/protocol'
import { type Admitted, decideConnection, refused, type Verdict } from './admission.ts'
import { AppConnection, type ConnectionEnd } from './app-connection.ts'
import type { Deps } from './deps.ts'
import { limits } from './limits.ts'
import { PipeDuplex } from './pipe-duplex.ts'
import { refuseStream } from './stream-refusal.ts'
import type { UserCertificate } from './user-certificate.ts'

/** As on tunnels, with fewer streams and small heads: these are strangers' programs. */
const http2Options = (streams: number) => ({
  ...tunnelHttp2,
  settings: {
    ...tunnelHttp2.settings,
    // More are refused by HTTP/2 itself.
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
  readonly parts: Deps
  readonly socket: TLSSocket
  readonly certificate: UserCertificate
  readonly clientIp: string
  readonly onClosed: (client: ClientConnection) => void
  /** Somebody who may has too many connections. */
  readonly onOverload: (admitted: Admitted, reason: Overload, requestId: string) => void
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
  /** Set once it is clear that nobody is served here: what every stream hears. */
  #refusal: Verdict | null = null
  #learning: Promise<void> | null = null
  #draining = false
  #closed = false

  constructor(options: ClientOptions) {
    const { parts, socket, certificate } = options
    this.#options = options
    this.sessionId = certificate.sessionId
    this.authority = certificate.authority
    this.#http2 = performServerHandshake(socket, http2Options(parts.settings.connections_per_person))
    this.#budget = new UnreadBudget(this.#http2)
    this.#http2.setLocalWindowSize(SESSION_WINDOW)
    this.#http2.on('error', () => {})
    this.#http2.on('stream', (stream, headers) => this.#take(stream, headers))
    this.#http2.once('close', () => this.#atClose())
    releaseListeners(this.#http2)
    socket.once('close', () => this.#http2.destroy())
    startHeartbeat(this.#http2, {
      clock: parts.clock,
      intervalMs: limits.heartbeatMs,
      bytesRead: () => socket.bytesRead,
      onDead: () => this.#destroy(),
    })
    this.#cutAt(certificate.notAfter)
    // Another hub may have opened the session a moment ago.
    if (!parts.sessions.byId(this.sessionId)) this.#learning = this.#learn()
    else this.#judge()
  }

  /** Ends everything at once; the reason goes along in the GOAWAY frame. */
  end(reason: ConnectionEnd, told: string = reason): void {
    for (const connection of [...this.connections]) connection.cut(reason)
    if (this.#http2.destroyed) return
    this.#refusal ??= refused(401, told)
    this.#http2.goaway(constants.NGHTTP2_NO_ERROR, 0, Buffer.from(told))
    setTimeout(() => this.#destroy(), limits.closeMs).unref()
  }

  /** No new streams; closes by itself when the last one has ended. */
  drain(): void {
    if (this.#draining) return
    this.#draining = true
    this.#refusal ??= refused(503, 'draining')
    // GOAWAY: msh goes elsewhere with what is new.
    if (!this.#http2.destroyed) this.#http2.close()
  }

  async #learn(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limits.learnMs)
    })
    // Without the database the view is not fresh either, and that is what the streams are told.
    await Promise.race([this.#options.parts.revisions.catchUp().catch(() => {}), late])
    clearTimeout(timer)
    this.#learning = null
    this.#judge()
  }

  /** The certificate must be the one of a session that lives, and of that person. */
  #judge(): void {
    const { parts, certificate } = this.#options
    const session = parts.sessions.byId(this.sessionId)
    if (session?.kind === 'cert' && session.user === certificate.user) return
    if (session === undefined && !parts.revisions.fresh()) return
    const reason = session === undefined ? 'session_ended' : 'certificate_refused'
    parts.audit.record({
      type: 'access.denied',
      success: false,
      reason,
      user: certificate.user,
      clientIp: this.#options.clientIp,
      sessionId: certificate.sessionId,
      fields: { app: null, protocol: 'tcp' },
    })
    this.#refusal = refused(401, reason)
    setTimeout(() => this.end('revoked', reason), limits.refusedMs).unref()
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // Before anything that may fail: a stream without it could end the process.
    stream.on('error', () => {})
    const answer = (): void => {
      try {
        this.#answer(stream, headers)
      } catch (error) {
        this.#broken(stream, error)
      }
    }
    if (this.#learning) this.#learning.then(answer)
    else answer()
  }

  #answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (this.#refusal) return void this.#act(stream, this.#refusal, '')
    if (headers[':method'] !== 'CONNECT') return void refuseStream(stream, refused(405, 'connect_only'))
    const protocol = headers[APP_PROTOCOL_HEADER] ?? 'tcp'
    const { certifiedHttp } = this.#options.parts
    if (protocol !== 'tcp' && (protocol !== 'http' || !certifiedHttp))
      return void refuseStream(stream, refused(400, 'protocol_unknown'))
    const requestId = randomUUID()
    const verdict = decideConnection(this.#options.parts, {
      sessionId: this.sessionId,
      name: headers[':authority'] ?? '',
      protocol,
      clientIp: this.#options.clientIp,
      requestId,
    })
    if (!(verdict instanceof Promise)) return void this.#act(stream, verdict, requestId)
    verdict
      .then((late) => this.#act(stream, late, requestId))
      .catch((error: unknown) => this.#broken(stream, error))
  }

  #act(stream: ServerHttp2Stream, verdict: Verdict, requestId: string): void {
    if (verdict.kind === 'refused') return void refuseStream(stream, verdict)
    if (stream.destroyed || stream.closed) return
    if (!this.#enter(stream, verdict, requestId)) return
    if (verdict.app.protocol === 'http') this.#carryHttp(stream, verdict)
    else this.#connect(stream, verdict, requestId)
  }

  /** Takes the place of one more connection of the person to the app; false: there are too many, and that was the answer. */
  #enter(stream: ServerHttp2Stream, admitted: Admitted, requestId: string): boolean {
    const { app, subject } = admitted
    const overload = this.#options.parts.load.take(subject.user, app.id)
    if (overload === null) return true
    this.#options.onOverload(admitted, overload, requestId)
    refuseStream(stream, refused(overload === 'app_limit' ? 503 : 429, overload))
    return false
  }

  /** Each request is decided and recorded by the code that serves browsers. */
  #carryHttp(stream: ServerHttp2Stream, { app, session, subject }: Admitted): void {
    const { parts, clientIp } = this.#options
    stream.once('close', () => parts.load.give(subject.user, app.id))
    stream.respond(
      { ':status': 200, [PUBLIC_HOST_HEADER]: `${app.publicAddr}${parts.publicNames.portSuffix}` },
      { endStream: false },
    )
    parts.certifiedHttp?.accept(new PipeDuplex(new StreamPipe(stream, '', this.#budget)), {
      clientIp,
      clientPort: 0,
      trustedProxy: false,
      serverName: null,
      certified: { sessionId: session.id, appId: app.id },
    })
  }

  #connect(stream: ServerHttp2Stream, admitted: Admitted, requestId: string): void {
    const { load } = this.#options.parts
    const { app, subject } = admitted
    const connection = new AppConnection({
      parts: this.#options.parts,
      stream,
      admitted,
      requestId,
      clientLost: () => this.#http2.destroyed,
      budget: this.#budget,
      onOver: (over) => {
        load.give(subject.user, app.id)
        this.connections.delete(over)
      },
    })
    this.connections.add(connection)
  }

  #broken(stream: ServerHttp2Stream, error: unknown): void {
    this.#options.parts.log.error({ error: messageOf(error) }, 'a connection could not be served')
    resetStream(stream, constants.NGHTTP2_INTERNAL_ERROR)
  }

  /** No connection outlives the certificate that it stands on. */
  #cutAt(notAfter: number): void {
    const left = notAfter - this.#options.parts.clock.now()
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
