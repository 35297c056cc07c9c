import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { AnyReason } from '../../api/reasons.ts'
import type { Link } from '../../api/tunnel.ts'
import type { AgentCertificate } from '../../gate/enrolment/agent-certificate.ts'
import type { Clock } from '../../kernel/clock.ts'
import { BulkStreams } from '../../wire/bulk-streams.ts'
import { startHeartbeat } from '../../wire/heartbeat.ts'
import { createLineReader, encodeLine } from '../../wire/line-reader.ts'
import { releaseListeners } from '../../wire/listener-release.ts'
import {
  CONTROL_LINE_BYTES,
  HEARTBEAT_MS,
  LONGEST_TIMER_MS,
  PROTOCOL_VERSION,
  SESSION_WINDOW,
  tunnelHttp2,
} from '../../wire/tunnel-protocol.ts'
import { UnreadBudget } from '../../wire/unread-budget.ts'
import { CompanionSlot } from './companion-slot.ts'

const HELLO_MS = 10_000
/** Limits the bytes of messages that an agent has not read: it might request responses and let them pile up. */
const MOST_UNREAD = 1 << 20

/** The deadlines of links, if they differ from the usual ones. */
export interface LinkTimes {
  /** Between two pings. */
  readonly heartbeatMs?: number
  /** How long an agent may take to send its hello; default 10 s. */
  readonly helloMs?: number
}

export interface LiveLinkOptions {
  readonly socket: TLSSocket
  readonly certificate: AgentCertificate
  readonly transport: string
  readonly clientIp: string
  /** Id of the hub that forwarded the connection; null: the agent connected to this hub. */
  readonly via: string | null
  readonly clock: Clock
  /** First message to the agent. */
  readonly greeting: object
  readonly onReady: (link: LiveLink) => void
  readonly onMessage: (link: LiveLink, message: Readonly<Record<string, unknown>>) => void
  /** Called once. `ready`: `onReady` was called before. */
  readonly onClosed: (link: LiveLink, reason: string, ready: boolean) => void
  readonly times: LinkTimes
}

/** Not a member: plugins have the links, and must reach apps only with an admission. */
const sessions = new WeakMap<LiveLink, ClientHttp2Session>()

/** The HTTP/2 session of a link, whose streams reach every app of the agent. */
export const http2Of = (link: LiveLink): ClientHttp2Session => sessions.get(link) as ClientHttp2Session

/** Counts the streams of this hub over a link. */
export class StreamCounts {
  #open = 0
  #idle = 0

  get streams(): number {
    return this.#open
  }

  /** Number of open streams that are not idle. */
  get load(): number {
    return this.#open - this.#idle
  }

  /** Counts a stream to an app until it closes. */
  hold(stream: ClientHttp2Stream): void {
    this.#open += 1
    stream.once('close', () => {
      this.#open -= 1
      this.streamEnded()
    })
  }

  protected streamEnded(): void {}

  /** Marks one of its streams as idle, or as used again. */
  idleMarker(stream: ClientHttp2Stream): (idle: boolean) => void {
    let marked = false
    const mark = (idle: boolean): void => {
      if (marked === idle || (idle && stream.closed)) return
      marked = idle
      this.#idle += idle ? 1 : -1
    }
    stream.once('close', () => mark(false))
    return mark
  }
}

/** One link to an agent: an HTTP/2 session with the hub as client, and its control stream. */
export class LiveLink extends StreamCounts implements Link {
  readonly hostname: string
  readonly transport: string
  readonly certificate: AgentCertificate
  readonly clientIp: string
  readonly via: string | null
  readonly since: number
  version = 'unknown'
  keyExchange: string | null = null
  rttMs: number | null = null
  /** No new streams are opened: a newer link has taken over, or the hub drains. */
  retired = false
  /** The agent has been asked to replace the link. */
  moving = false
  /** When it was last selected; spreads requests over links with equal load. */
  turn = 0
  /** The agent opened it while its older link to this hub was alive. */
  takesOver = false
  /** The agent opened it as the companion of its link to this hub. */
  companion = false
  /** Called when a stream has ended, or the link itself. */
  onEnded: () => void = () => {}
  readonly #session: ClientHttp2Session
  readonly budget: UnreadBudget
  readonly bulk: BulkStreams
  readonly companions: CompanionSlot
  readonly #socket: TLSSocket
  readonly #timers: NodeJS.Timeout[] = []
  #control: ClientHttp2Stream | null = null
  #ready = false
  #reason: AnyReason = 'connection_lost'

  constructor(options: LiveLinkOptions) {
    super()
    const { socket, certificate, clock, times } = options
    this.hostname = certificate.hostname
    this.certificate = certificate
    this.transport = options.transport
    this.clientIp = options.clientIp
    this.via = options.via
    this.since = clock.now()
    this.#socket = socket
    this.#session = connectAgent(socket, tunnelHttp2)
    sessions.set(this, this.#session)
    this.budget = new UnreadBudget(this.#session)
    this.companions = new CompanionSlot(this, clock)
    this.bulk = new BulkStreams(() => this.companions.ask())
    this.#session.on('error', () => {})
    this.#session.once('connect', () => {
      // The session may already have ended, as with a certificate that has just expired.
      if (!this.#session.destroyed) this.#session.setLocalWindowSize(SESSION_WINDOW)
    })
    this.#session.once('close', () => this.#closed(options))
    releaseListeners(this.#session)
    socket.once('close', () => this.#session.destroy())
    this.#timer(() => this.destroy('hello_timeout'), times.helloMs ?? HELLO_MS)
    this.#cutAt(certificate.notAfter, clock)
    startHeartbeat(this.#session, {
      clock,
      intervalMs: times.heartbeatMs ?? HEARTBEAT_MS,
      bytesRead: () => socket.bytesRead,
      onDead: () => this.destroy('heartbeat_lost'),
      onRtt: (rttMs) => {
        this.rttMs = Math.round(rttMs * 10) / 10
      },
    })
    this.#openControl(options)
  }

  override get streams(): number {
    return super.streams + this.companions.streams
  }

  override get load(): number {
    return super.load + this.companions.load
  }

  protected override streamEnded(): void {
    this.settle()
    this.onEnded()
  }

  /** Ends it if it is retired and has no stream left. */
  settle(): void {
    if (this.retired && this.streams === 0) this.destroy(this.#reason)
  }

  /** New streams can be opened. */
  get usable(): boolean {
    return this.#ready && !this.retired && !this.#session.closed && !this.#session.destroyed
  }

  /** The connection has ended. */
  get closed(): boolean {
    return this.#session.destroyed
  }

  /** The connection ended without a reason, so the agent is expected to dial again. */
  get broken(): boolean {
    return this.closed && this.#reason === 'connection_lost'
  }

  send(message: object): void {
    const control = this.#control
    if (!control || control.destroyed || control.writableEnded) return
    if (control.writableLength > MOST_UNREAD) this.destroy('protocol_error')
    else control.write(encodeLine(message))
  }

  /** Lets the open streams end, then closes. */
  retire(reason: AnyReason): void {
    this.retired = true
    this.#reason = reason
    this.companions.retire(reason)
    this.settle()
  }

  /** Cuts the link at once; the agent finds the reason in the GOAWAY frame. */
  destroy(reason: AnyReason): void {
    if (!this.#session.destroyed) {
      this.#reason = reason
      this.#session.goaway(constants.NGHTTP2_NO_ERROR, 0, Buffer.from(reason))
    }
    this.#session.destroy()
    this.#socket.destroy()
    this.companions.destroy(reason)
  }

  #openControl(options: LiveLinkOptions): void {
    let control: ClientHttp2Stream
    try {
      control = this.#session.request({ ':method': 'POST', ':path': '/v1/control' }, { endStream: false })
    } catch {
      this.destroy('protocol_error')
      return
    }
    this.#control = control
    control.on('error', () => {})
    control.once('close', () => this.destroy(this.#reason))
    control.on(
      'data',
      createLineReader({
        maxBytes: CONTROL_LINE_BYTES,
        onBroken: () => this.destroy('protocol_error'),
        onMessage: (message) => {
          if (this.#ready) options.onMessage(this, message)
          else this.#hello(message, options)
        },
      }),
    )
    this.send(options.greeting)
  }

  #hello(message: Readonly<Record<string, unknown>>, options: LiveLinkOptions): void {
    if (message.type !== 'hello' || message.protocol !== PROTOCOL_VERSION) {
      this.destroy('protocol_version')
      return
    }
    const version = message.version
    if (typeof version === 'string' && /^[\w.+-]{1,64}$/.test(version)) this.version = version
    const group = message.key_exchange
    if (typeof group === 'string' && /^[\w.+-]{1,64}$/.test(group)) this.keyExchange = group
    this.takesOver = message.takes_over === true
    this.companion = message.companion === true
    clearTimeout(this.#timers[0])
    this.#ready = true
    options.onReady(this)
  }

  #closed(options: LiveLinkOptions): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.bulk.close()
    this.destroy(this.#reason)
    this.onEnded()
    options.onClosed(this, this.#reason, this.#ready)
  }

  #timer(run: () => void, ms: number): void {
    this.#timers.push(setTimeout(run, ms))
  }

  /** No link outlives its certificate. */
  #cutAt(notAfter: number, clock: Clock): void {
    const left = notAfter - clock.now()
    if (left <= 0) this.destroy('certificate_expired')
    else this.#timer(() => this.#cutAt(notAfter, clock), Math.min(left, LONGEST_TIMER_MS))
  }
}

/**
 * Opens an HTTP/2 session to an agent on the connection that the agent opened. When the peer announces its origins
 * (RFC 8336), Node.js builds a URL from the connection's server name and throws outside of any handler if the name is not
 * valid. The agent chose that name, so it is replaced.
 */
export function connectAgent(socket: TLSSocket, options: ClientSessionOptions): ClientHttp2Session {
  ;(socket as { servername?: string | false | null }).servername = 'agent'
  return connect('https://agent', { createConnection: () => socket, ...options })
}
