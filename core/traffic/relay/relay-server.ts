import { once } from 'node:events'
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { DialTarget } from '../../api/agent-hooks.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { ConnectionInfo } from '../../api/protocol.ts'
import type { Pipe } from '../../api/tunnel.ts'
import { readCertificate } from '../../gate/enrolment/agent-certificate.ts'
import type { Clock } from '../../kernel/clock.ts'
import { isMezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import {
  AGENT_HEADER,
  ALPN_HEADER,
  DETAIL_HEADER,
  detailValue,
  LINK_LOST_STATUS,
  REASON_HEADER,
  readDialHeaders,
} from '../../wire/dial-headers.ts'
import { startHeartbeat } from '../../wire/heartbeat.ts'
import { releaseListeners } from '../../wire/listener-release.ts'
import { resetStream, StreamPipe } from '../../wire/stream-pipe.ts'
import { acceptTls } from '../../wire/tls-acceptor.ts'
import { isHostname, RELAY_ALPN, SESSION_WINDOW, tunnelHttp2 } from '../../wire/tunnel-protocol.ts'
import { UnreadBudget } from '../../wire/unread-budget.ts'
import type { LiveLinks } from '../tunnel/link-registry.ts'
import type { AppFaults } from '../tunnel/serving-links.ts'
import { DialError, LINK_LOST_CODE } from '../tunnel/tunnel-dialer.ts'
import { createLinkFeed } from './link-feed.ts'

/** Serves the other hubs: tells them of the links of this hub, and relays their streams through these links. */
export function createRelayServer(options: {
  readonly links: Pick<LiveLinks, 'list'>
  /** The apps that are not reached through these links. */
  readonly faults: () => AppFaults
  /** Connects through this hub's own link to the agent, and no other. */
  readonly dial: (hostname: string, target: DialTarget) => Promise<Pipe>
  readonly authorities: Pick<Authorities, 'bundle' | 'hubIdentity' | 'issuerOf' | 'trusts'>
  readonly clusterName: string
  readonly instanceId: string
  readonly clock: Clock
  readonly log: Log
}) {
  const { authorities, clusterName, clock, log } = options
  const feed = createLinkFeed(options)
  /** Connections by stage: TLS, then the session, with the key that signed the other hub's certificate. */
  const opening = new Set<Duplex>()
  const sessions = new Map<ServerHttp2Session, string>()
  const relayed = new Set<ServerHttp2Stream>()
  let draining = false
  let closed = false

  function serve(socket: TLSSocket, authority: string): void {
    const server = createServer(tunnelHttp2)
    server.on('sessionError', () => socket.destroy())
    server.on('session', (session) => {
      const budget = new UnreadBudget(session)
      let told = false
      sessions.set(session, authority)
      session.setLocalWindowSize(SESSION_WINDOW)
      session.on('error', () => {})
      session.once('close', () => {
        sessions.delete(session)
        socket.destroy()
      })
      releaseListeners(session)
      startHeartbeat(session, {
        clock,
        bytesRead: () => socket.bytesRead,
        onDead: () => session.destroy(),
      })
      session.on('stream', (stream, headers) => {
        stream.on('error', () => {})
        if (headers[':method'] === 'CONNECT') {
          relay(stream, headers, budget).catch((error) => {
            log.warn({ error: messageOf(error) }, 'failed to relay a stream')
            resetStream(stream)
          })
        } else if (headers[':path'] === '/v1/agents' && !told) {
          told = true
          stream.respond({ ':status': 200 }, { endStream: false })
          stream.resume()
          feed.tell(stream)
        } else resetStream(stream)
      })
    })
    server.emit('connection', socket)
  }

  async function relay(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    budget: UnreadBudget,
  ): Promise<void> {
    const [target, hostname] = [readDialHeaders(headers), headers[AGENT_HEADER]]
    if (target === null || !isHostname(hostname)) return refuse(stream, 400, 'target_invalid', null)
    if (draining) return refuse(stream, LINK_LOST_STATUS, 'link_lost', null)
    relayed.add(stream)
    stream.once('close', () => relayed.delete(stream))
    let agent: Pipe
    try {
      agent = await options.dial(hostname, target)
    } catch (error) {
      if (!(error instanceof DialError)) throw error
      const { code, reason, detail } = error
      const status = code === 'MEZ_LINK_LOST' ? LINK_LOST_STATUS : code === 'MEZ_DIAL_TIMEOUT' ? 504 : 502
      return refuse(stream, status, reason, detail)
    }
    // The other hub may have given up in the meantime.
    if (stream.destroyed || stream.closed) return agent.destroy()
    stream.respond({ ':status': 200, ...(agent.alpn && { [ALPN_HEADER]: agent.alpn }) }, { endStream: false })
    splice(new StreamPipe(stream, hostname, budget), agent, (code) => resetStream(stream, code))
  }

  return {
    /** Takes a connection whose sealed line names the hub that it comes from, with its ClientHello unread. */
    accept(
      raw: Duplex,
      { via, authenticated }: Pick<ConnectionInfo, 'via' | 'authenticated'>,
      secured: () => void,
    ) {
      raw.on('error', () => raw.destroy())
      opening.add(raw)
      raw.once('close', () => opening.delete(raw))
      if (closed || draining) return void raw.destroy()
      acceptTls(raw, {
        authorities,
        alpn: RELAY_ALPN,
        authority: 'hub-ca',
        agentCertificate: 'required',
        failed: (error) => log.debug({ hub: via, error: messageOf(error) }, 'TLS with another hub failed'),
        secured(socket) {
          const prefix = `URI:mezite://${clusterName}/hub/`
          const hub = readCertificate(socket.getPeerX509Certificate(), prefix, (shown) =>
            authorities.issuerOf('hub-ca', shown),
          )
          if (!socket.authorized || hub === null || hub.name !== via || closed) {
            log.warn(
              { hub: via },
              'a connection of another hub was refused: its certificate is not that of the hub',
            )
            return void socket.destroy()
          }
          secured()
          authenticated?.()
          serve(socket, hub.authority)
        },
      })
    },
    /** Cuts the connections of hubs whose authority is no longer trusted. */
    recheck(): void {
      for (const [session, authority] of sessions) {
        if (!authorities.trusts('hub-ca', authority)) session.destroy()
      }
    },
    /** Relays no new streams; resolves when the open ones have ended, or the signal aborts. */
    async drain(signal: AbortSignal): Promise<void> {
      draining = true
      await Promise.allSettled([...relayed].map((stream) => once(stream, 'close', { signal })))
    },
    close(): void {
      closed = true
      feed.close()
      for (const session of sessions.keys()) session.destroy()
      for (const raw of opening) raw.destroy()
    },
  }
}

function refuse(stream: ServerHttp2Stream, status: number, reason: string, detail: string | null): void {
  if (stream.destroyed || stream.closed) return
  stream.resume()
  stream.respond(
    {
      ':status': status,
      [REASON_HEADER]: reason,
      ...(detail === null ? {} : { [DETAIL_HEADER]: detailValue(detail) }),
    },
    { endStream: true },
  )
}

/**
 * Passes bytes between the stream of another hub and the one to the agent, with back-pressure. An end closes its direction,
 * a reset of one resets the other at once, and the other hub learns when the link to the agent was lost.
 */
function splice(theirs: Pipe, agent: Pipe, reset: (code: number) => void): void {
  join(theirs, agent)
  join(agent, theirs)
  theirs.onclose = (error) => {
    if (error) agent.destroy()
  }
  agent.onclose = (error) => {
    if (error) reset(isMezError(error, 'MEZ_LINK_LOST') ? LINK_LOST_CODE : constants.NGHTTP2_CONNECT_ERROR)
  }
}

function join(from: Pipe, to: Pipe): void {
  from.ondata = (chunk) => {
    if (!to.write(chunk)) from.pause()
  }
  from.onend = () => to.end()
  to.ondrain = () => from.resume()
}
