import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2'
import type { DialTarget } from '../api/agent-hooks.ts'

/** The reason code of a refused stream. */
export const REASON_HEADER = 'mezite-reason'
/** A sentence for operators about a refused stream, percent-encoded. */
export const DETAIL_HEADER = 'mezite-detail'
/** The agent that a hub is asked to reach, on a stream between hubs. */
export const AGENT_HEADER = 'mezite-agent'
/** Status of a stream between hubs: the other hub has no link to the agent. */
export const LINK_LOST_STATUS = 503
/** The protocol that TLS to the app negotiated, on an accepted stream. */
export const ALPN_HEADER = 'mezite-alpn'

const ALPN = /^[a-z0-9./-]{1,32}$/
const DETAIL_LENGTH = 300

/** `host:port` of an app's URI; null when it is not an http:, https: or tcp: URI with a port. */
export function authorityOf(uri: string): { host: string; port: number; secure: boolean } | null {
  const scheme = /^(https?|tcp):\/\//i.exec(uri)?.[1]?.toLowerCase()
  if (!scheme) return null
  // Hosts of special schemes are normalised (`0x7f.1` is 127.0.0.1); those of tcp: would not be.
  const special = scheme === 'tcp' ? `http${uri.slice(3)}` : uri
  if (!URL.canParse(special)) return null
  const { hostname, port } = new URL(special)
  // URL drops the default port of the substituted http: scheme, as in tcp://host:80.
  const explicit = scheme === 'tcp' && !port && /:80\/?$/.test(uri) ? 80 : Number(port)
  const number = explicit || (scheme === 'https' ? 443 : scheme === 'http' ? 80 : 0)
  if (!hostname || number === 0) return null
  return { host: hostname, port: number, secure: scheme === 'https' }
}

const FOREIGN =
  /^(?!https?:|tcp:)[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:.]+\]|[a-z0-9_][a-z0-9._-]*):([1-9][0-9]{0,4})\/?$/i

/** `host:port` for `:authority`; of another scheme too, which only a plugin of the agent can dial. */
function authorityText(uri: string): string | null {
  const authority = authorityOf(uri)
  if (authority) return `${authority.host}:${authority.port}`
  const [, host, port] = FOREIGN.exec(uri) ?? []
  return host === undefined ? null : `${host.toLowerCase()}:${port}`
}

/** Headers of the CONNECT stream that asks an agent to dial. Null: the URI does not contain a target. */
export function dialHeaders(target: DialTarget): OutgoingHttpHeaders | null {
  const authority = authorityText(target.uri)
  if (authority === null) return null
  return {
    ':method': 'CONNECT',
    ':authority': authority,
    'mezite-app': target.app,
    'mezite-uri': encodeURIComponent(target.uri),
    'mezite-tls': Buffer.from(JSON.stringify(target.tls)).toString('base64url'),
    'mezite-connect-ms': String(target.connectMs),
  }
}

/** Reads the headers of `dialHeaders`. Null: one is missing or malformed, or the URI and `:authority` differ. */
export function readDialHeaders(headers: IncomingHttpHeaders): DialTarget | null {
  try {
    const text = (name: string): string => {
      const value = headers[name]
      if (typeof value !== 'string' || value.length > 64 * 1024) throw new Error(name)
      return value
    }
    const uri = decodeURIComponent(text('mezite-uri'))
    const authority = authorityText(uri)
    if (authority === null || headers[':authority'] !== authority) return null
    const tls: unknown = JSON.parse(Buffer.from(text('mezite-tls'), 'base64url').toString('utf8'))
    const connectMs = Number(text('mezite-connect-ms'))
    if (typeof tls !== 'object' || tls === null || !(connectMs >= 1 && connectMs <= 600_000)) return null
    const { verify, serverName, ca, alpn } = tls as Record<string, unknown>
    return {
      app: text('mezite-app'),
      uri,
      connectMs,
      tls: {
        // Anything but a plain `false` verifies.
        verify: verify !== false,
        serverName: typeof serverName === 'string' ? serverName : null,
        ca: typeof ca === 'string' ? ca : null,
        ...(Array.isArray(alpn) && alpn.length > 0 && alpn.length <= 4 && alpn.every(isAlpn) ? { alpn } : {}),
      },
    }
  } catch {
    return null
  }
}

/** Reads the value of `ALPN_HEADER`; null: it is missing or not a protocol name. */
export function readAlpn(value: unknown): string | null {
  return isAlpn(value) ? value : null
}

function isAlpn(value: unknown): value is string {
  return typeof value === 'string' && ALPN.test(value)
}

/** Encodes a sentence as the value of `DETAIL_HEADER`. */
export function detailValue(text: string): string {
  return encodeURIComponent(text.slice(0, DETAIL_LENGTH).toWellFormed())
}

/** Reads the sentence in `DETAIL_HEADER`, shortened and without unprintable characters; null: there is none. */
export function readDetail(value: unknown): string | null {
  if (typeof value !== 'string') return null
  try {
    const text = decodeURIComponent(value).slice(0, DETAIL_LENGTH)
    return text.replace(/[^\x20-\x7e]/g, '?').trim() || null
  } catch {
    return null
  }
}
