import { connect, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { authorityOf, carriedBy, DialRefusal, type DialTarget, lookupLocalhost } from '@mezite/core/agent'
import type { AllowList } from './allow-list.ts'
import { nameFault, socketFault, tlsFault } from './dial-fault.ts'

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
      if (error) return reject(new DialRefusal('name_not_found', nameFault(host, error)))
      settle((Array.isArray(found) ? found : []).map((each) => each.address))
    })
  })
}

function connectTcp(address: string, port: number, ms: number): Promise<Socket> {
  return new Promise((settle, reject) => {
    const authority = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    const deadline = setTimeout(() => {
      socket.destroy()
      reject(new DialRefusal('connect_timeout', `${authority} did not respond in time`))
    }, ms)
    // This listener stays for the life of the socket.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(deadline)
      const refused = error.code === 'ECONNREFUSED'
      reject(new DialRefusal(refused ? 'connection_refused' : 'unreachable', socketFault(authority, error)))
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
