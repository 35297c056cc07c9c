import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import type { DialTarget } from '../api/agent-hooks.ts'

/** With it a refused stream carries its reason code. */
export const REASON_HEADER = 'mezite-reason'

/** `host:port` of an app's URI; null when it is no http:, https: or tcp: URI with a port. */
export function authorityOf(uri: string): { host: string; port: number; secure: boolean } | null {
  const scheme = /^(https?|tcp):\/\//i.exec(uri)?.[1]?.toLowerCase()
  if (!scheme) return null
  // Hosts of special schemes are normalised (`0x7f.1` is 127.0.0.1); those of tcp: would not be.
  const special = scheme === 'tcp' ? `http${uri.slice(3)}` : uri
  if (!URL.canParse(special)) return null
  const { hostname, port } = new URL(special)
  // The default port of the stand-in scheme is dropped when given: tcp://host:80.
  const explicit = scheme === 'tcp' && !port && /:80\/?$/.test(uri) ? 80 : Number(port)
  const number = explicit || (scheme === 'https' ? 443 : scheme === 'http' ? 80 : 0)
  if (!hostname || number === 0) return null
  return { host: hostname, port: number, secure: scheme === 'https' }
}

/** Headers of the CONNECT stream that asks an agent to dial. Null: the URI names nothing to dial. */
export function dialHeaders(target: DialTarget): OutgoingHttpHeaders | null {
  const authority = authorityOf(target.uri)
  if (!authority) return null
  return {
    ':method': 'CONNECT',
    ':authority': `${authority.host}:${authority.port}`,
    'mezite-app': target.app,
    'mezite-uri': encodeURIComponent(target.uri),
    'mezite-tls': Buffer.from(JSON.stringify(target.tls)).toString('base64url'),
    'mezite-connect-ms': String(target.connectMs),
  }
}

/** Reads such headers. Null: something is missing, malformed, or the URI and `:authority` differ. */
export function readDialHeaders(headers: IncomingHttpHeaders): DialTarget | null {
  try {
    const text = (name: string): string => {
      const value = headers[name]
      if (typeof value !== 'string' || value.length > 64 * 1024) throw new Error(name)
      return value
    }
    const uri = decodeURIComponent(text('mezite-uri'))
    const authority = authorityOf(uri)
    if (!authority || headers[':authority'] !== `${authority.host}:${authority.port}`) return null
    const tls: unknown = JSON.parse(Buffer.from(text('mezite-tls'), 'base64url').toString('utf8'))
    const connectMs = Number(text('mezite-connect-ms'))
    if (typeof tls !== 'object' || tls === null || !(connectMs >= 1 && connectMs <= 600_000)) return null
    const { verify, serverName, ca } = tls as Record<string, unknown>
    return {
      app: text('mezite-app'),
      uri,
      connectMs,
      tls: {
        // Anything but a plain `false` verifies.
        verify: verify !== false,
        serverName: typeof serverName === 'string' ? serverName : null,
        ca: typeof ca === 'string' ? ca : null,
      },
    }
  } catch {
    return null
  }
}
