import { type LookupAddress, type LookupAllOptions, lookup as lookupAll } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'

/** Enough for metadata and keys of a client. */
const MOST_BYTES = 64 * 1024
const DEADLINE_MS = 4_000
const HTTPS_PORT = 443

/** IPv4 that is not of the public internet (RFC 6890), and the parts of public IPv6 that contain other addresses. */
const special = new BlockList()
for (const [net, prefix] of [
  ...[['0.0.0.0', 8] as const, ['10.0.0.0', 8] as const, ['100.64.0.0', 10] as const],
  ...[['127.0.0.0', 8] as const, ['169.254.0.0', 16] as const, ['172.16.0.0', 12] as const],
  ...[['192.0.0.0', 24] as const, ['192.0.2.0', 24] as const, ['192.88.99.0', 24] as const],
  ...[['192.168.0.0', 16] as const, ['198.18.0.0', 15] as const, ['198.51.100.0', 24] as const],
  ...[['203.0.113.0', 24] as const, ['224.0.0.0', 4] as const, ['240.0.0.0', 4] as const],
])
  special.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of [
  ...[['2001::', 23] as const, ['2001:db8::', 32] as const, ['2002::', 16] as const],
  ...[['2620:4f:8000::', 48] as const, ['3fff::', 20] as const],
])
  special.addSubnet(net, prefix, 'ipv6')
const unicast = new BlockList()
unicast.addSubnet('2000::', 3, 'ipv6')

/** Whether an address belongs to the public internet. False for other text. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !special.check(address, 'ipv4')
  return family === 6 && unicast.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

type Fetch = (url: string | URL | Request, options?: RequestInit) => Promise<Response>

export interface GuardedFetchOptions {
  /** Ports that may be connected. */
  readonly ports?: readonly number[]
  /** For tests: the addresses that count as public, those that names have, and the authority of the servers there. */
  readonly accepts?: (address: string) => boolean
  readonly resolve?: (
    hostname: string,
    options: LookupAllOptions,
    done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
  ) => void
  readonly ca?: string
}

/**
 * A `fetch` for addresses that strangers write: https only, some ports of public addresses only, no redirects, 64 KiB and
 * 4 s for everything. The address is checked before the connection and is the one that is connected, so a name that
 * changes gains nothing.
 */
export function createGuardedFetch({
  ports = [HTTPS_PORT],
  accepts = isPublicAddress,
  resolve = lookupAll,
  ca,
}: GuardedFetchOptions = {}): Fetch {
  const lookup: LookupFunction = (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, found: LookupAddress[] = []) => {
      const failure =
        error ??
        // A name with one private address among public ones is refused: which of them is connected is not certain.
        (found.length > 0 && found.every(({ address }) => accepts(address)) ? null : refused(hostname))
      if (failure) return done(failure, '', 0)
      if (options.all) return done(null, found)
      const [first] = found as [LookupAddress]
      done(null, first.address, first.family)
    })
  }

  return (address, { method = 'GET', headers, body, signal } = {}) => {
    const url = new URL(address instanceof Request ? address.url : address)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    if (url.protocol !== 'https:' || (isIP(host) !== 0 && !accepts(host)))
      return Promise.reject(refused(url.host))
    if (!ports.includes(Number(url.port || HTTPS_PORT)))
      return Promise.reject(new Error(`the port of ${url.host} is not one of ${ports.join(', ')}`))
    const deadline = AbortSignal.timeout(DEADLINE_MS)
    const received = new Promise<[IncomingMessage, Buffer<ArrayBuffer>]>((resolve, reject) => {
      const sent = requestHttps(
        url,
        {
          method,
          lookup,
          agent: false,
          headers: Object.fromEntries(new Headers(headers)),
          signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
          ...(ca === undefined ? {} : { ca }),
        },
        (response) => {
          const chunks: Buffer[] = []
          let bytes = 0
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length
            if (bytes > MOST_BYTES) response.destroy(new Error('the response is too large'))
            else chunks.push(chunk)
          })
          response.on('error', reject)
          response.on('end', () => resolve([response, Buffer.concat(chunks)]))
        },
      )
      sent.on('error', reject)
      sent.end(typeof body === 'string' ? body : undefined)
    })
    // Here, and not in a handler of an event: nobody would catch what `Response` throws for the bytes of a stranger.
    return received.then(([{ statusCode = 0, headers: given }, content]) => {
      // Servers may send any three digits.
      if (statusCode < 200 || statusCode > 599) throw new Error(`the response has the status ${statusCode}`)
      const fields = Object.entries(given).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)] as [string, string]],
      )
      // A response without content cannot have a body.
      const hasBody = ![204, 205, 304].includes(statusCode)
      return new Response(hasBody ? content : null, { status: statusCode, headers: fields })
    })
  }
}

const refused = (host: string): NodeJS.ErrnoException =>
  new Error(`the address of ${host} is not one of the public internet`)
