import { BlockList, connect, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { lookupLocalhost, MezError, messageOf } from '@mezite/core/agent'
import type { HubAddress } from './hub-address.ts'

/** The largest response head that is accepted from a proxy. */
const RESPONSE_BYTES = 16 * 1024

/** An HTTP proxy for outbound connections, as the environment names it. */
export interface OutboundProxy {
  readonly address: HubAddress
  /** Whether the connection to the proxy itself uses TLS. */
  readonly secure: boolean
  /** Value of `Proxy-Authorization`; null if the URL has no credentials. */
  readonly authorization: string | null
}

/**
 * The proxy for connections to `target`: `HTTPS_PROXY` or `https_proxy`, unless `NO_PROXY` or `no_proxy` lists the target
 * (names with everything below them, addresses, CIDRs, each with an optional port, or `*`). Loopback is never proxied.
 * Throws `MEZ_CONFIG_INVALID` when the variable is not the URL of an HTTP proxy.
 */
export function outboundProxy(target: HubAddress, env: NodeJS.ProcessEnv): OutboundProxy | null {
  const text = env.https_proxy || env.HTTPS_PROXY
  if (!text || isLoopback(target.host)) return null
  const exceptions = (env.no_proxy || env.NO_PROXY || '').toLowerCase().split(/[\s,]+/)
  if (exceptions.some((entry) => entry !== '' && matches(entry, target))) return null
  const url = URL.parse(/^[a-z0-9+.-]+:\/\//i.test(text) ? text : `http://${text}`)
  const credentials = url && decoded(`${url.username}:${url.password}`)
  if (!url || !/^https?:$/.test(url.protocol) || !url.hostname || credentials === null) {
    // The value may contain a password, so it is not repeated.
    throw new MezError('MEZ_CONFIG_INVALID', 'HTTPS_PROXY is not the URL of an HTTP proxy', {
      hint: 'Set it to http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, with % in a password written as %25, or list the hub in NO_PROXY.',
    })
  }
  const secure = url.protocol === 'https:'
  return {
    address: {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(url.port) || (secure ? 443 : 80),
    },
    secure,
    authorization: url.username ? `Basic ${Buffer.from(credentials).toString('base64')}` : null,
  }
}

/** Null if the text is not valid percent-encoding. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/**
 * Opens a TCP connection to a hub, through the proxy of the environment, if any. Names under `.localhost` are loopback
 * (RFC 6761). Rejects with `MEZ_HUB_UNREACHABLE`, or with the reason of the signal.
 */
export async function connectOutbound(
  target: HubAddress,
  signal: AbortSignal,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Duplex> {
  const proxy = outboundProxy(target, env)
  if (!proxy) return connectTcp(target, signal, '')
  const { host, port } = proxy.address
  const through = ` through the proxy ${host}:${port}`
  const socket = await connectTcp(proxy.address, signal, through)
  const carrier = proxy.secure
    ? connectTls({ socket, host, ...(isIP(host) === 0 ? { servername: host } : {}) })
    : socket
  return openTunnel(carrier, target, proxy.authorization, signal, through)
}

function connectTcp({ host, port }: HubAddress, signal: AbortSignal, through: string) {
  return new Promise<Duplex>((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error)
    const lookup = isIP(host) === 0 ? { lookup: lookupLocalhost } : {}
    const socket = connect({ host, port, noDelay: true, keepAlive: true, ...lookup })
    const abort = (): void => {
      socket.destroy()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', abort, { once: true })
    // This listener stays for the life of the socket.
    socket.on('error', (cause) => {
      signal.removeEventListener('abort', abort)
      reject(new MezError('MEZ_HUB_UNREACHABLE', `${messageOf(cause)}${through}`, { cause }))
    })
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort)
      resolve(socket)
    })
  })
}

/** Sends CONNECT (RFC 9110, 9.3.6); resolves when the proxy has reached the target. */
function openTunnel(
  carrier: Duplex,
  { host, port }: HubAddress,
  authorization: string | null,
  signal: AbortSignal,
  through: string,
): Promise<Duplex> {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0)
    const stop = (): void => {
      signal.removeEventListener('abort', abort)
      carrier.removeListener('readable', read)
      carrier.removeListener('close', closed)
    }
    const fail = (error: Error): void => {
      stop()
      carrier.destroy()
      reject(error)
    }
    const abort = (): void => fail(signal.reason as Error)
    const unreachable = (why: string): void => fail(new MezError('MEZ_HUB_UNREACHABLE', `${why}${through}`))
    const closed = (): void => unreachable('the connection was closed before the hub was reached')
    const read = (): void => {
      for (let chunk = carrier.read() as Buffer | null; chunk; chunk = carrier.read() as Buffer | null)
        head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) {
        if (head.length > RESPONSE_BYTES) unreachable('the response to CONNECT is too long')
        return
      }
      const [, status = '', text = ''] =
        /^HTTP\/1\.[01] (\d{3})([^\r\n]*)/.exec(head.toString('latin1')) ?? []
      if (!status.startsWith('2')) {
        unreachable(
          status === '407'
            ? 'credentials are missing or wrong (407)'
            : `CONNECT was refused (${status}${text})`,
        )
        return
      }
      stop()
      const rest = head.subarray(end + 4)
      if (rest.length > 0) carrier.unshift(rest)
      resolve(carrier)
    }
    if (signal.aborted) {
      abort()
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    carrier.on('error', (error) => unreachable(messageOf(error)))
    carrier.once('close', closed)
    carrier.on('readable', read)
    const credentials = authorization ? `Proxy-Authorization: ${authorization}\r\n` : ''
    carrier.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`)
  })
}

function isLoopback(host: string): boolean {
  return /^(.*\.)?localhost$/i.test(host) || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

/** One entry of NO_PROXY, in lower case. */
function matches(entry: string, { host, port }: HubAddress): boolean {
  if (entry === '*') return true
  const [, named = entry, only] = /^(.*?)(?<!:[^\]]*):(\d+)$/.exec(entry) ?? []
  if (only !== undefined && Number(only) !== port) return false
  const name = named.replace(/^\[(.*)\]$/, '$1')
  const [address = '', prefix] = name.split('/')
  const family = isIP(address)
  if (family === 0) {
    const suffix = name.replace(/^\*?\.?/, '')
    return host.toLowerCase() === suffix || host.toLowerCase().endsWith(`.${suffix}`)
  }
  if (isIP(host) !== family) return false
  const list = new BlockList()
  const type = family === 6 ? 'ipv6' : 'ipv4'
  if (prefix === undefined) list.addAddress(address, type)
  else if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > (family === 6 ? 128 : 32)) return false
  else list.addSubnet(address, Number(prefix), type)
  return list.check(host, type)
}
