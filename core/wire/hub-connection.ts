import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls'
import { MezError } from '../kernel/error.ts'
import { hubName, meziteTls } from './tunnel-protocol.ts'

const HANDSHAKE_MS = 10_000

/** How a hub is reached. */
export interface HubReach {
  /** A connection to the public port; the TLS socket takes ownership. */
  readonly carrier: Duplex
  /** The dialled host, sent as SNI because load balancers route by it. */
  readonly host: string
  readonly alpn: readonly string[]
}

/**
 * TLS to a hub with a known authority: the chain and the hub's own name must verify. Throws `MEZ_HUB_UNTRUSTED` or
 * `MEZ_HUB_UNREACHABLE`. With TLS 1.3, a refused client certificate is reported only after this has resolved.
 */
export function connectHub(
  options: HubReach & {
    readonly hubCa: readonly string[]
    readonly clusterName: string
    readonly key: string
    readonly certificate: string
  },
): Promise<TLSSocket> {
  const name = hubName(options.clusterName)
  return shakeHands(options, {
    ca: [...options.hubCa],
    key: options.key,
    cert: options.certificate,
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  })
}

/** A TLS handshake of Mezite's own protocols, within 10 s; the peer must choose one of the protocols that were offered. */
export function shakeHands(reach: HubReach, options: ConnectionOptions): Promise<TLSSocket> {
  const { carrier, host, alpn } = reach
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...meziteTls,
      socket: carrier,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: [...alpn],
      ...options,
    })
    const fail = (error: Error): void => {
      clearTimeout(deadline)
      socket.destroy()
      carrier.destroy()
      reject(error)
    }
    const deadline = setTimeout(() => fail(unreachable('the TLS handshake timed out')), HANDSHAKE_MS)
    carrier.on('error', fail)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const untrusted = /CERT|VERIFY|ALTNAME|ISSUER/.test(error.code ?? '')
      fail(
        untrusted
          ? new MezError('MEZ_HUB_UNTRUSTED', `the hub's certificate is not trusted: ${error.message}`)
          : unreachable(error.message),
      )
    })
    socket.once('close', () => fail(unreachable('the hub closed the connection')))
    socket.once('secureConnect', () => {
      if (!socket.alpnProtocol || !alpn.includes(socket.alpnProtocol)) {
        return fail(unreachable("the server does not speak Mezite's protocol"))
      }
      clearTimeout(deadline)
      resolve(socket)
    })
  })
}

function unreachable(why: string): MezError {
  return new MezError('MEZ_HUB_UNREACHABLE', why)
}
