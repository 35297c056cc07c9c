import { mapUris } from '@mezite/core/protocol'
import type { RawHeaders } from './browser-guard.ts'

/** The two names of one app. */
export interface OriginNames {
  /** `host` or `host:port` by which the hub and the app know it; the scheme is https. */
  readonly publicHost: string
  /** `127.0.0.1:N` or `localhost:N`, as the client wrote it; the scheme is http. */
  readonly localHost: string
  /** The client uses https and the public host: there is nothing to map. */
  readonly https?: boolean
}

const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'transfer-encoding',
  'upgrade',
])
/** These would commit 127.0.0.1 to https for every other program, or send clients to another port. */
const NOT_LOCAL = new Set(['strict-transport-security', 'alt-svc', 'public-key-pins'])
/** Response headers that contain URLs of the app. */
const WITH_URIS = new Set(['location', 'content-location', 'link', 'refresh', 'access-control-allow-origin'])
/** Cookie name prefixes that require https (RFC 6265bis section 4.1.3), and their local replacements. */
const PREFIX = /^__(Host|Secure)-/i
const LOCAL_PREFIX = /^mezite-(host|secure)-/i

type Pair = readonly [name: string, value: string]

/** The headers of a request as the app gets them: public host and origin, no hop-by-hop headers. */
export function towardsApp(headers: RawHeaders, names: OriginNames): string[] {
  return mapped(headers, (name, value, key) => {
    if (key === 'host') return [name, names.publicHost]
    if (key === 'expect') return null
    if (names.https) return [name, value]
    if (key === 'origin') return [name, `https://${names.publicHost}`]
    if (key === 'referer' || key === 'destination') {
      return [name, moved(value, `http://${names.localHost}`, `https://${names.publicHost}`)]
    }
    if (key === 'cookie') return [name, cookiesTowardsApp(value)]
    return [name, value]
  })
}

/** The headers of a response as the client gets them: URLs and cookies of the public host become local. */
export function towardsClient(headers: RawHeaders, names: OriginNames): string[] {
  return mapped(headers, (name, value, key) => {
    if (NOT_LOCAL.has(key)) return null
    if (names.https) return [name, value]
    if (WITH_URIS.has(key)) return [name, mapUris(key, value, (uri) => localUrl(uri, names))]
    if (key === 'set-cookie') return [name, cookieTowardsClient(value)]
    return [name, value]
  })
}

function mapped(
  headers: RawHeaders,
  map: (name: string, value: string, key: string) => Pair | null,
): string[] {
  const pairs: Pair[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([headers[at]!, headers[at + 1]!])
  // Headers that `Connection` names belong to the one connection (RFC 9110 section 7.6.1).
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((each) => each.trim().toLowerCase()))
  return pairs.flatMap(([name, value]) => {
    const key = name.toLowerCase()
    return HOP.has(key) || named.includes(key) ? [] : [...(map(name, value, key) ?? [])]
  })
}

function localUrl(value: string, { publicHost, localHost }: OriginNames): string {
  const local = moved(value, `https://${publicHost}`, `http://${localHost}`)
  return local === value ? moved(value, `//${publicHost}`, `//${localHost}`) : local
}

/** `value` with origin `from` replaced by `to`. A host that merely starts with the same letters is left alone. */
function moved(value: string, from: string, to: string): string {
  if (value.slice(0, from.length).toLowerCase() !== from.toLowerCase()) return value
  const rest = value.slice(from.length)
  return rest === '' || /^[/?#]/.test(rest) ? to + rest : value
}

function cookiesTowardsApp(value: string): string {
  return value
    .split(/;\s*/)
    .map((pair) => pair.replace(LOCAL_PREFIX, (_, kind: string) => `__${capital(kind)}-`))
    .join('; ')
}

/** Without https a cookie can have neither `Secure` nor what depends on it; it belongs to the local host alone. */
function cookieTowardsClient(value: string): string {
  const [pair = '', ...attributes] = value.split(';')
  const kept = attributes.flatMap((attribute) => {
    const text = attribute.trim()
    if (/^(secure|partitioned|domain(=.*)?)$/i.test(text)) return []
    return [/^samesite=none$/i.test(text) ? 'SameSite=Lax' : text]
  })
  const name = pair.trim().replace(PREFIX, (_, kind: string) => `mezite-${kind.toLowerCase()}-`)
  return [name, ...kept].join('; ')
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()
}
