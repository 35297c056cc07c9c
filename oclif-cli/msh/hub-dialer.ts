import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, isIP, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { CliError, messageOf } from '@mezite/cli'
import type { Identity } from '@mezite/cli/identity'
import {
  connectHub,
  isMezError,
  lookupLocalhost,
  SESSION_WINDOW,
  startHeartbeat,
  systemClock,
  TCP_ALPN,
  tunnelHttp2,
} from '@mezite/core/protocol'

const DIAL_MS = 10_000
/** Bytes that may be in flight on one connection. What local programs do not read waits here, where one person pays for it. */
const STREAM_WINDOW = 4 << 20

/**
 * Dials the connection that carries all local ones: TLS 1.3 with the user's certificate, the hub verified by its own name
 * and authority, HTTP/2 inside. Resolves once the hub has sent a frame, and so has accepted the certificate. Throws
 * `CliError`: `MEZ_HUB_UNREACHABLE`, `MEZ_HUB_UNTRUSTED`, or `MEZ_LOGIN_ENDED` if the hub refuses the certificate.
 */
export async function dialHub(
  identity: Identity,
  options: { readonly signal: AbortSignal; readonly heartbeatMs?: number },
): Promise<ClientHttp2Session> {
  const { proxy, hubCa, cluster, key, certificate } = identity
  const host = proxy.host.replace(/^\[|\]$/g, '')
  try {
    const carrier = await dialTcp(host, proxy.port, options.signal)
    const socket = await connectHub({
      carrier,
      host,
      alpn: [TCP_ALPN],
      hubCa: [hubCa],
      clusterName: cluster,
      key,
      certificate,
    })
    return await startHttp2(socket, options)
  } catch (error) {
    throw dialError(error, proxy.name)
  }
}

function dialTcp(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const lookup = isIP(host) === 0 ? { lookup: lookupLocalhost } : {}
    const socket = connect({ host, port, noDelay: true, keepAlive: true, ...lookup })
    const fail = (error: Error): void => {
      stop()
      socket.destroy()
      reject(error)
    }
    const abort = () => fail(new Error('aborted'))
    const deadline = setTimeout(() => fail(new Error('timed out after 10 s')), DIAL_MS)
    const stop = (): void => {
      clearTimeout(deadline)
      signal.removeEventListener('abort', abort)
    }
    signal.addEventListener('abort', abort, { once: true })
    // Stays for the life of the socket.
    socket.on('error', fail)
    socket.once('connect', () => {
      stop()
      resolve(socket)
    })
  })
}

function startHttp2(
  socket: TLSSocket,
  options: { readonly signal: AbortSignal; readonly heartbeatMs?: number },
): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2('https://hub', {
      createConnection: () => socket,
      ...tunnelHttp2,
      settings: { ...tunnelHttp2.settings, initialWindowSize: STREAM_WINDOW },
    })
    const destroy = (): void => {
      session.destroy()
      socket.destroy()
    }
    let failure = new Error('the hub closed the connection')
    const failed = (error: Error): void => {
      failure = error
      destroy()
    }
    const deadline = setTimeout(() => failed(new Error('the hub did not respond within 10 s')), DIAL_MS)
    const over = (): void => {
      clearTimeout(deadline)
      socket.destroy()
      reject(failure)
    }
    socket.on('error', failed)
    session.on('error', failed)
    // The hub never opens streams.
    session.on('stream', (stream) => {
      stream.on('error', () => {})
      destroy()
    })
    socket.once('close', () => session.destroy())
    session.once('close', over)
    options.signal.addEventListener('abort', destroy, { once: true })
    session.once('close', () => options.signal.removeEventListener('abort', destroy))
    // With TLS 1.3 a client learns of a refused certificate after the handshake: the first frame proves acceptance.
    session.once('remoteSettings', () => {
      clearTimeout(deadline)
      session.setLocalWindowSize(SESSION_WINDOW)
      startHeartbeat(session, {
        clock: systemClock,
        bytesRead: () => socket.bytesRead,
        onDead: destroy,
        ...(options.heartbeatMs === undefined ? {} : { intervalMs: options.heartbeatMs }),
      })
      resolve(session)
    })
  })
}

function dialError(error: unknown, hub: string): CliError {
  if (isMezError(error, 'MEZ_HUB_UNTRUSTED')) {
    return new CliError('MEZ_HUB_UNTRUSTED', `${hub} is not the hub of this login: ${error.message}`, {
      cause: error,
    })
  }
  const { code = '' } = error as NodeJS.ErrnoException
  // The alerts of RFC 8446 section 6.2 with which a server refuses a client's certificate.
  if (/^ERR_SSL_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/.test(code)) {
    return new CliError('MEZ_LOGIN_ENDED', `${hub} does not accept the certificate of this login`, {
      cause: error,
    })
  }
  return new CliError('MEZ_HUB_UNREACHABLE', `cannot reach the hub ${hub}: ${messageOf(error)}`, {
    cause: error,
  })
}
