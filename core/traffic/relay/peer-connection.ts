import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type ClientHttp2Session, constants } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { Clock } from '../../kernel/clock.ts'
import { MezError } from '../../kernel/error.ts'
import { startHeartbeat } from '../../wire/heartbeat.ts'
import { connectHub } from '../../wire/hub-connection.ts'
import { createLineReader } from '../../wire/line-reader.ts'
import { releaseListeners } from '../../wire/listener-release.ts'
import {
  CONTROL_LINE_BYTES,
  isHostname,
  RELAY_ALPN,
  SESSION_WINDOW,
  tunnelHttp2,
} from '../../wire/tunnel-protocol.ts'
import { UnreadBudget } from '../../wire/unread-budget.ts'
import { connectAgent } from '../tunnel/link.ts'
import type { RelayConnection, ReportedLink } from '../tunnel/relayed-link.ts'
import type { AppFault } from '../tunnel/serving-links.ts'
import type { Peers } from './peers.ts'

const CONNECT_MS = 5_000
const HELLO_MS = 10_000
const WORD = /^[\w.+-]{1,64}$/

export interface PeerConnection extends RelayConnection {
  /** Ids of the keys of the hub CA that signed the certificates of both hubs; null: none that was trusted. */
  readonly authorities: readonly (string | null)[]
  /** Opens no new streams, and closes when the open ones have ended. */
  retire(): void
  destroy(): void
}

/** What another hub says, and what becomes of the connection. */
export interface PeerEvents {
  /** The other hub has said which one it is, and that is the one that was wanted. */
  ready(connection: PeerConnection): void
  up(link: ReportedLink): void
  down(hostname: string): void
  /** All links that the other hub had at first have been reported. */
  listed(): void
  /** Why the other hub does not reach an app through an agent; null: it does. */
  app(appId: string, hostname: string, fault: AppFault | null): void
  /** Called once, last, also for a connection that never became ready. */
  closed(): void
}

export interface PeerOptions {
  readonly peers: Pick<Peers, 'addressOf' | 'header'>
  readonly authorities: Pick<Authorities, 'bundle' | 'issuerOf' | 'keys'> & {
    peerIdentity(id: string): Promise<{ readonly key: string; readonly certificate: string }>
  }
  readonly clusterName: string
  readonly instanceId: string
  /** Aborted when this hub stops. */
  readonly stopped: AbortSignal
  readonly clock: Clock
}

/**
 * Connects to another hub: the sealed line of a forwarded connection, mutual TLS with certificates of the hub CA, HTTP/2.
 * Rejects when that fails; afterwards `events` says what happens.
 */
export async function connectPeer(id: string, options: PeerOptions, events: PeerEvents): Promise<void> {
  const { peers, authorities, clusterName, instanceId, stopped, clock } = options
  const address = peers.addressOf(id)
  if (address === null) throw new MezError('MEZ_HUB_UNREACHABLE', `hub ${id} has no address`)
  const carrier = connectTcp({ ...address, noDelay: true })
  carrier.on('error', () => carrier.destroy())
  const stop = (): void => void carrier.destroy()
  stopped.addEventListener('abort', stop)
  carrier.once('close', () => stopped.removeEventListener('abort', stop))
  try {
    await once(carrier, 'connect', { signal: AbortSignal.timeout(CONNECT_MS) })
    const from = { address: carrier.localAddress ?? '', port: carrier.localPort ?? 0 }
    const { key, certificate } = await authorities.peerIdentity(instanceId)
    await new Promise<void>((resolve, reject) =>
      carrier.write(peers.header(id, from), (error) => (error ? reject(error) : resolve())),
    )
    const socket = await connectHub({
      carrier,
      host: address.host,
      alpn: [RELAY_ALPN],
      hubCa: authorities.bundle('hub-ca'),
      clusterName,
      key,
      certificate,
    })
    const shown = [socket.getPeerX509Certificate(), new X509Certificate(certificate)]
    const signers = shown.map((each) => (each ? authorities.issuerOf('hub-ca', each) : null))
    // Connections that end while this waits would otherwise be an unhandled error.
    socket.on('error', () => socket.destroy())
    if (socket.destroyed) throw new MezError('MEZ_HUB_UNREACHABLE', `hub ${id} has closed the connection`)
    const session = connectAgent(socket, tunnelHttp2)
    startHeartbeat(session, {
      clock,
      bytesRead: () => socket.bytesRead,
      onDead: () => session.destroy(),
    })
    socket.once('close', () => session.destroy())
    follow(id, session, signers, events)
  } catch (error) {
    carrier.destroy()
    throw error
  }
}

function follow(
  id: string,
  session: ClientHttp2Session,
  authorities: PeerConnection['authorities'],
  events: PeerEvents,
): void {
  let ready = false
  let retired = false
  const connection: PeerConnection = {
    session,
    authorities,
    budget: new UnreadBudget(session),
    get usable() {
      return ready && !retired && !session.closed && !session.destroyed
    },
    retire() {
      retired = true
      // The stream that tells of the links would keep the session open.
      control.close(constants.NGHTTP2_NO_ERROR)
      if (!session.destroyed) session.close()
    },
    destroy: () => session.destroy(),
  }
  session.on('error', () => {})
  session.once('connect', () => {
    if (!session.destroyed) session.setLocalWindowSize(SESSION_WINDOW)
  })
  const late = setTimeout(() => session.destroy(), HELLO_MS)
  session.once('close', () => {
    clearTimeout(late)
    events.closed()
  })
  releaseListeners(session)
  const control = session.request({ ':method': 'POST', ':path': '/v1/agents' }, { endStream: false })
  control.on('error', () => {})
  control.once('close', () => {
    if (!retired) session.destroy()
  })
  control.on(
    'data',
    createLineReader({
      maxBytes: CONTROL_LINE_BYTES,
      onBroken: () => session.destroy(),
      onMessage(message) {
        if (retired || session.destroyed) return
        if (!ready) {
          // Another hub may have started at the address of one that is gone.
          if (message.type !== 'hello' || message.hub !== id) return session.destroy()
          clearTimeout(late)
          ready = true
          events.ready(connection)
          return
        }
        if (message.type === 'listed') return events.listed()
        const { agent } = message
        if (!isHostname(agent)) return session.destroy()
        if (message.type === 'down') events.down(agent)
        if (message.type === 'up') events.up(readLink(agent, message))
        if (message.type === 'app') events.app(String(message.app), agent, readFault(message))
      },
    }),
  )
}

function readLink(hostname: string, { version, transport, since }: Readonly<Record<string, unknown>>) {
  const word = (text: unknown): string => (typeof text === 'string' && WORD.test(text) ? text : 'unknown')
  return {
    hostname,
    version: word(version),
    transport: word(transport),
    since: typeof since === 'number' && Number.isFinite(since) ? since : 0,
  }
}

function readFault({ reason, error }: Readonly<Record<string, unknown>>): AppFault | null {
  return typeof reason === 'string' && typeof error === 'string' ? { reason, error } : null
}
