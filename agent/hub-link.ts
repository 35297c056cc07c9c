import {
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TLSSocket } from 'node:tls'
import {
  type Clock,
  CONTROL_LINE_BYTES,
  createLineReader,
  encodeLine,
  HEARTBEAT_MS,
  type Log,
  messageOf,
  PROTOCOL_VERSION,
  REASON_HEADER,
  releaseListeners,
  resetStream,
  SESSION_WINDOW,
  startHeartbeat,
  tunnelHttp2,
  UnreadBudget,
} from '@mezite/core/agent'
import { readReason } from './refusals.ts'
import { type Dial, serveStream } from './stream-handler.ts'

/** Longer than a hub waits for a fresh view of its agents. */
const GREETING_MS = 8_500

export type Message = Readonly<Record<string, unknown>>

/** One link to a hub, from the agent's side: HTTP/2 server, control stream and the streams to applications. */
export interface HubLink {
  send(message: object): void
  /** Rejects new streams; resolves when the open streams have ended. */
  drain(): Promise<void>
  close(): void
}

/** Serves a hub on an authenticated connection. Calls `onUp` after its greeting, and `onClosed` exactly once, last. */
export function openHubLink(options: {
  readonly socket: TLSSocket
  readonly dial: Dial
  readonly version: string
  /** Whether the link replaces a live link to the same hub. Called once the hub has sent its id. */
  readonly takesOver?: (instance: string) => boolean
  /** The hub has asked for it, as the companion of another link. */
  readonly companion?: boolean
  readonly clock: Clock
  readonly log: Log
  readonly onUp: (greeting: Message) => void
  readonly onMessage: (message: Message) => void
  readonly onClosed: (reason: string) => void
  readonly heartbeatMs?: number
}): HubLink {
  const { socket, clock, log } = options
  let reason = 'connection_lost'
  let control: ServerHttp2Stream | null = null
  let session: ServerHttp2Session | null = null
  let budget: UnreadBudget | null = null
  let up = false
  let over = false
  let draining = false
  const close = (why: string): void => {
    if (!over && reason === 'connection_lost') reason = why
    session?.destroy()
    socket.destroy()
  }
  const greeted = setTimeout(() => close('no_greeting'), GREETING_MS)
  socket.once('close', () => {
    if (over) return
    over = true
    clearTimeout(greeted)
    session?.destroy()
    options.onClosed(reason)
  })

  const server: Http2Server = createServer(tunnelHttp2)
  server.on('sessionError', () => close('protocol_error'))
  server.on('session', (made) => {
    session = made
    budget = new UnreadBudget(made)
    made.setLocalWindowSize(SESSION_WINDOW)
    made.on('error', () => {})
    made.once('close', () => socket.destroy())
    releaseListeners(made)
    // An older hub does not send a reason.
    made.on('goaway', (errorCode, _lastStream, data) => {
      const given = readReason(data)
      // The hub has cut the link. Whoever is writing at that moment may never hear that the connection has ended.
      if (given) {
        reason = given
        close(given)
      } else if (reason === 'connection_lost')
        reason = errorCode === constants.NGHTTP2_NO_ERROR ? 'hub_stopping' : 'protocol_error'
    })
    startHeartbeat(made, {
      clock,
      intervalMs: options.heartbeatMs ?? HEARTBEAT_MS,
      bytesRead: () => socket.bytesRead,
      onDead: () => close('heartbeat_lost'),
    })
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    if (headers[':method'] === 'CONNECT' && budget && up && !draining) {
      serveStream(stream, headers, options.dial, budget, log).catch((error) => {
        log.warn({ error: messageOf(error) }, 'failed to serve a stream')
        resetStream(stream, constants.NGHTTP2_REFUSED_STREAM)
      })
    } else if (headers[':path'] === '/v1/control' && !control) openControl(stream)
    else if (headers[':path'] === '/v1/refused' && !up) {
      close(readReason(headers[REASON_HEADER]) ?? 'connection_lost')
    } else resetStream(stream, constants.NGHTTP2_REFUSED_STREAM)
  })

  function receive(message: Message): void {
    try {
      options.onMessage(message)
    } catch (error) {
      log.error({ error: messageOf(error) }, 'failed to handle a message of the hub')
      close('protocol_error')
    }
  }

  function openControl(stream: ServerHttp2Stream): void {
    control = stream
    // The hub may already have reset it.
    if (stream.destroyed || stream.closed) return void close('connection_lost')
    stream.respond({ ':status': 200 }, { endStream: false })
    stream.once('close', () => close('connection_lost'))
    stream.on(
      'data',
      createLineReader({
        maxBytes: CONTROL_LINE_BYTES,
        onBroken: () => close('protocol_error'),
        onMessage: (message) => {
          if (up) return receive(message)
          if (message.type !== 'greeting' || message.protocol !== PROTOCOL_VERSION) {
            return close('protocol_version')
          }
          clearTimeout(greeted)
          up = true
          const takesOver = options.takesOver?.(String(message.instance)) ?? false
          send({
            type: 'hello',
            protocol: PROTOCOL_VERSION,
            version: options.version,
            key_exchange: keyExchangeOf(socket),
            ...(takesOver && { takes_over: true }),
            ...(options.companion && { companion: true }),
          })
          options.onUp(message)
        },
      }),
    )
  }

  function send(message: object): void {
    if (control && !control.destroyed && !control.writableEnded) control.write(encodeLine(message))
  }

  server.emit('connection', socket)
  return {
    send,
    drain() {
      draining = true
      return new Promise((resolve) => {
        if (over || !session) return resolve()
        socket.once('close', () => resolve())
        session.goaway()
        send({ type: 'draining' })
      })
    },
    close: () => close('stopped'),
  }
}

/** The group in which hub and agent agreed on their keys, which Node.js shows to the client alone; null if it shows none. */
function keyExchangeOf(socket: TLSSocket): string | null {
  const { name = null } = (socket.getEphemeralKeyInfo?.() ?? {}) as { name?: string }
  return name
}
