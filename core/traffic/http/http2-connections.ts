import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { ConnectionInfo, StreamRequest } from '../../api/protocol.ts'
import { rarely } from '../../base/limits/log-throttle.ts'
import { releaseListeners } from '../../wire/listener-release.ts'
import { FrameBudget, RESETS } from './frame-budget.ts'
import type { HttpOptions } from './http-options.ts'
import { Turns } from './turns.ts'

const CHECK_MS = 1_000
const IDLE_MS = 65_000
/** How long a connection may take to end after its last stream, or after a flood. */
const END_MS = 500
const STREAM_WINDOW = 256 * 1024
const CONNECTION_WINDOW = 1024 * 1024
/** Decoded size. Far above the limit, so that the refusal can be a page; beyond it the stream is reset. */
const HEADER_LIST_BYTES = 256 * 1024
/** Browsers send each cookie as a separate field. */
const HEADER_PAIRS = 1_024

const {
  NGHTTP2_ENHANCE_YOUR_CALM,
  NGHTTP2_FLAG_END_STREAM,
  NGHTTP2_HTTP_1_1_REQUIRED,
  NGHTTP2_NO_ERROR,
  NGHTTP2_PROTOCOL_ERROR,
} = constants
/** Code of nghttp2 for a head of more than nine frames. */
const TOO_MANY_CONTINUATIONS = -905
/** Code of nghttp2 for a protocol violation by a stream or the connection. */
const PROTOCOL = -505
/** Last stream id in a first GOAWAY, which does not reject any stream yet. */
const ANY_STREAM = 2 ** 31 - 1
const noop = () => {}

interface Open {
  readonly session: ServerHttp2Session
  readonly socket: TLSSocket
  readonly info: ConnectionInfo
  readonly budget: FrameBudget
  /** An array instead of a Set; see `Roster` for the reason. */
  readonly streams: ServerHttp2Stream[]
  /** When it must have a stream at the latest, on the monotonic clock. */
  idleEnd: number
  /** True once the client has sent a request. */
  served: boolean
  /** True once the client has been asked to stop opening streams. */
  leaving: boolean
}

/**
 * Speaks HTTP/2 on established TLS connections through the stream API of Node.js, and limits the cost of a connection:
 * streams, header bytes, memory, resets, idle time, useless frames (RFC 9113 section 10.5).
 */
export function createBrowserSessions({ limits, clock, log }: Pick<HttpOptions, 'limits' | 'clock' | 'log'>) {
  const warnRarely = rarely(log)
  const opened = new Set<Open>()
  let state: 'open' | 'leaving' | 'draining' = 'open'
  const timer = setInterval(() => {
    const now = clock.monotonic()
    for (const one of opened) check(one, now)
  }, CHECK_MS)
  timer.unref()

  function check(one: Open, now: number): void {
    const { session, socket, budget, streams } = one
    const unread = () => streams.reduce((sum, stream) => sum + stream.readableLength, 0)
    if (budget.check(socket.bytesRead, socket.bytesWritten, unread)) calm(one)
    else if (streams.length > 0) return
    else if (session.closed) socket.destroy()
    else if (now > one.idleEnd || one.leaving) session.close()
  }

  /** A client that has not sent its first request yet may have one in flight. */
  function leave(one: Open): void {
    if (one.leaving || one.session.destroyed) return
    one.leaving = true
    one.session.goaway(NGHTTP2_NO_ERROR, ANY_STREAM)
  }

  /**
   * `take` must not throw. `transports` enables extended CONNECT (RFC 8441), with the settings of transports that need it. Browsers then
   * use it for WebSockets too, so only hosts that serve it may offer it.
   */
  function open(
    socket: TLSSocket,
    info: ConnectionInfo,
    take: (request: StreamRequest) => void,
    transports: Readonly<Record<number, number>> | null,
  ): void {
    socket.on('error', noop)
    if (socket.destroyed) return
    const session = performServerHandshake(socket, {
      maxSessionMemory: 32,
      maxHeaderListPairs: HEADER_PAIRS,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
      maxOutstandingPings: 10,
      maxSettings: 32,
      // Beyond, nghttp2 ignores what it has read at once; the budget only learns of it.
      streamResetBurst: RESETS.burst,
      streamResetRate: RESETS.perSecond,
      // The head reader rejects these; Node.js would silently drop them.
      strictFieldWhitespaceValidation: false,
      strictSingleValueFields: false,
      settings: {
        enablePush: false,
        maxConcurrentStreams: limits.requestsPerConnection,
        maxHeaderListSize: HEADER_LIST_BYTES,
        initialWindowSize: STREAM_WINDOW,
        enableConnectProtocol: transports !== null,
        customSettings: transports ?? {},
      },
      remoteCustomSettings: Object.keys(transports ?? {}).map(Number),
    } as never)
    const one: Open = {
      session,
      socket,
      info,
      budget: new FrameBudget(),
      streams: [],
      idleEnd: clock.monotonic() + limits.headerMs,
      served: false,
      leaving: false,
    }
    opened.add(one)
    correctErrors(session, one.streams)
    session.on('error', () => socket.destroy())
    session.on('close', () => opened.delete(one))
    releaseListeners(session)
    socket.once('close', () => opened.delete(one))
    session.setLocalWindowSize(CONNECTION_WINDOW)
    const turns = new Turns()
    const took = (bytes: number) => one.budget.body(bytes)
    const control = () => {
      if (one.budget.control()) calm(one)
    }
    const reset = () => {
      if (one.budget.reset()) calm(one)
    }
    session.on('remoteSettings', control)
    session.on('ping', control)
    session.on('stream', (stream, headers, flags, rawHeaders) => {
      stream.on('error', noop)
      let bytes = 0
      for (const text of rawHeaders) bytes += text.length + 2
      one.budget.request(bytes)
      // The client has already reset it.
      if (stream.destroyed || stream.closed) return reset()
      one.streams.push(stream)
      one.served = true
      stream.once('close', () => {
        one.streams.splice(one.streams.indexOf(stream), 1)
        one.idleEnd = clock.monotonic() + IDLE_MS
        if (stream.aborted) reset()
        // Frames already in flight when we reset the stream still arrive.
        if (!stream.readableEnded) one.budget.body(STREAM_WINDOW)
      })
      const ended = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
      if (state === 'leaving') leave(one)
      turns.run(
        () => stream.destroyed || stream.closed || take({ stream, rawHeaders, headers, ended, socket, took }),
      )
    })
    if (state === 'draining') session.close()
  }

  /** Ends the connection of a flooding client with a GOAWAY that gives the reason. */
  function calm({ session, socket, info }: Open): void {
    info.flooded?.()
    if (session.destroyed) return
    warnRarely('flood', `${info.clientIp} sent a flood of HTTP/2 frames`, null)
    session.destroy(NGHTTP2_ENHANCE_YOUR_CALM as never)
    setTimeout(() => socket.destroy(), END_MS).unref()
  }

  return {
    open,
    /** Asks every client to stop opening streams, without rejecting any (RFC 9113 section 6.8). */
    announceShutdown(): void {
      state = 'leaving'
      for (const one of opened) if (one.served) leave(one)
    },
    /** Rejects new streams; streams in flight continue. */
    drain(): void {
      state = 'draining'
      for (const { session } of opened) session.close()
    },
    /** Closes every connection immediately. */
    close(): void {
      clearInterval(timer)
      for (const { socket } of opened) socket.destroy()
    },
  }
}

/**
 * Corrects how Node.js handles two errors. A head of too many frames ends the connection, with INTERNAL_ERROR in Node.js,
 * which a browser shows to the person; after HTTP_1_1_REQUIRED the browser retries over HTTP/1.1, where the hub can
 * respond. A body longer than its `content-length` is an error of its stream alone (RFC 9113 section 8.1.1), which
 * nghttp2 has already reset.
 */
function correctErrors(session: ServerHttp2Session, streams: readonly ServerHttp2Stream[]): void {
  const destroy = session.destroy.bind(session)
  session.destroy = (error, code) => {
    const { errno } = (error ?? {}) as { errno?: unknown }
    if (errno !== PROTOCOL)
      return destroy(error, errno === TOO_MANY_CONTINUATIONS ? NGHTTP2_HTTP_1_1_REQUIRED : code)
    const before = [...streams]
    setImmediate(() => {
      if (!before.some(({ rstCode }) => rstCode === NGHTTP2_PROTOCOL_ERROR)) destroy(error, code)
    })
  }
}
