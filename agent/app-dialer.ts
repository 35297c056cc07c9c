import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { authorityOf, carriedBy, DialRefusal, type DialTarget, lookupLocalhost } from '@mezite/core/agent'
import type { AllowList } from './allow-list.ts'

/**
 * Connects to an application over TCP, and TLS for `https:`. Resolves the name once, and dials only the addresses that
 * the allow-list admits, so a second lookup cannot return others. Throws `DialRefusal`.
 */
export async function dialApp(target: DialTarget, allow: AllowList): Promise<Duplex> {
  const authority = authorityOf(target.uri)
  if (!authority) throw new DialRefusal('uri_invalid', `no plugin of this agent dials ${target.uri}`)
  const host = authority.host.replace(/^\[(.*)\]$/, '$1')
  const until = performance.now() + target.connectMs
  const left = (): number => Math.max(1, until - performance.now())
  const addresses = await resolve(host, left())
  const admitted = addresses.filter((address) => allow.admits(host, address, authority.port))
  if (admitted.length === 0) {
    throw new DialRefusal('target_not_allowed', `apps.allow does not admit ${host}:${authority.port}`)
  }
  let failure: unknown
  for (const [at, address] of admitted.entries()) {
    try {
      const socket = await connectTcp(address, authority.port, left() / (admitted.length - at))
      return authority.secure ? await secure(socket, host, target, left()) : socket
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

function resolve(host: string, ms: number): Promise<readonly string[]> {
  if (isIP(host) !== 0) return Promise.resolve([host])
  return new Promise((settle, reject) => {
    const deadline = setTimeout(
      () => reject(new DialRefusal('connect_timeout', `${host} was not resolved`)),
      ms,
    )
    lookupLocalhost(host, { all: true }, (error, found) => {
      clearTimeout(deadline)
      if (error) return reject(new DialRefusal('name_not_found', `${host}: ${error.code ?? error.message}`))
      settle((Array.isArray(found) ? found : []).map((each) => each.address))
    })
  })
}

function connectTcp(address: string, port: number, ms: number): Promise<Socket> {
  return new Promise((settle, reject) => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    const deadline = setTimeout(() => {
      socket.destroy()
      reject(new DialRefusal('connect_timeout', `${address}:${port} did not respond in time`))
    }, ms)
    // This listener stays for the life of the socket.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(deadline)
      const refused = error.code === 'ECONNREFUSED'
      reject(
        new DialRefusal(refused ? 'connection_refused' : 'unreachable', `${address}:${port}: ${error.code}`),
      )
    })
    socket.once('connect', () => {
      clearTimeout(deadline)
      settle(socket)
    })
  })
}

function secure(socket: Socket, host: string, { tls }: DialTarget, ms: number): Promise<Duplex> {
  return new Promise((settle, reject) => {
    const name = tls.serverName ?? host
    const secured = connectTls({
      socket,
      host: name,
      ...(isIP(name) === 0 ? { servername: name } : {}),
      rejectUnauthorized: tls.verify,
      ALPNProtocols: [...(tls.alpn ?? ['http/1.1'])],
      ...(tls.ca === null ? {} : { ca: tls.ca }),
    })
    carriedBy(secured, socket)
    const fail = (reason: string, message: string): void => {
      clearTimeout(deadline)
      secured.destroy()
      reject(new DialRefusal(reason, message))
    }
    const deadline = setTimeout(() => fail('connect_timeout', `no TLS with ${host} in time`), ms)
    secured.on('error', (error) => fail('tls_failed', tlsFault(name, error)))
    secured.once('close', () => fail('tls_failed', `${host} closed the connection during the TLS handshake`))
    secured.once('secureConnect', () => {
      clearTimeout(deadline)
      settle(secured)
    })
  })
}

/** Verification errors that the right authority in the app's document solves. */
const UNTRUSTED = [
  ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'CERT_UNTRUSTED'],
]

/** The problem that the agent found, and the key of the app's document that solves it. */
function tlsFault(name: string, { code = '', message }: NodeJS.ErrnoException): string {
  if (UNTRUSTED.includes(code))
    return `the certificate of ${name} is not trusted: ${message}; set tls.ca of the app to the authority that issued it`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `the certificate is not for ${name}: ${message}; set tls.server_name of the app to a name in it`
  if (code === 'CERT_HAS_EXPIRED') return `the certificate of ${name} has expired; renew it at the app`
  if (/NO_APPLICATION_PROTOCOL/.test(code))
    return `${name} does not offer HTTP/2; set http.version of the app to 1.1`
  return `TLS with ${name}: ${message}`
}
