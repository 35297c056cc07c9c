import { Problem } from '@mezite/core'
import {
  type ConnectionInfo,
  type HostName,
  type ProxyLimits,
  parseHostValue,
  readFraming,
} from '@mezite/core/protocol'
import type { RequestSource } from '../client/client.ts'
import { classify } from './header-names.ts'
import { asksForWebSocket } from './web-socket-accept.ts'

/** A request to an app's host, read once, in no protocol's own types. */
export interface AppRequest {
  readonly method: string
  /** Path and query as they came, beginning with `/`. */
  readonly target: string
  readonly host: HostName
  readonly clientIp: string
  readonly http10: boolean
  readonly upgrade: boolean
  /** Name and value in turn, identity, forwarding and connection headers already gone. */
  readonly lines: readonly string[]
  readonly cookies: readonly string[]
  readonly origin: string | undefined
  readonly referer: string | undefined
  readonly accept: string | undefined
  readonly site: string | undefined
  readonly mode: string | undefined
  readonly dest: string | undefined
  readonly preflight: boolean
  readonly expectsContinue: boolean
  /** It reads trailers (`TE: trailers`). */
  readonly trailers: boolean
  /** Bytes of the body, null when it is chunked, undefined when there is none. */
  readonly length: number | null | undefined
}

const OPTIONAL = new Set(['close', 'keep-alive', 'upgrade', 'te', 'http2-settings', ''])

/** Reads a request strictly: what is ambiguous, or tries to speak for the hub, is a Problem and goes no further. */
export function readRequest(
  source: RequestSource,
  info: ConnectionInfo,
  upgrade: boolean,
  limits: Pick<ProxyLimits, 'headerCount' | 'uriBytes'>,
): AppRequest | Problem {
  if (source.method === 'TRACE' || source.method === 'CONNECT')
    return new Problem(405, 'method_not_allowed', 'This method is not served.')
  const raw = source.rawHeaders
  if (raw.length > limits.headerCount * 2)
    return new Problem(431, 'headers_too_many', 'The request has too many header lines.')
  const lines: string[] = []
  const cookies: string[] = []
  let host: string | undefined
  let connection = ''
  let length: string | undefined
  let encoding: string | undefined
  let expect: string | undefined
  let upgradeTo: string | undefined
  let origin: string | undefined
  let referer: string | undefined
  let accept: string | undefined
  let forwardedFor: string | undefined
  let site: string | undefined
  let mode: string | undefined
  let dest: string | undefined
  let preflight = false
  let trailers = false
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    switch (classify(name.toLowerCase())) {
      case 'keep':
        lines.push(name, value)
        break
      case 'drop':
        break
      case 'refuse':
        return bad('header_refused', `The header ${name} looks like one of the hub's own.`)
      case 'host':
        if (host !== undefined) return bad('host_invalid', 'The request names more than one host.')
        host = value
        break
      case 'cookie':
        cookies.push(value)
        break
      case 'connection':
        connection += `,${value}`
        break
      case 'length':
        if (length !== undefined) return bad('framing_invalid', 'The request has two lengths.')
        length = value
        break
      case 'encoding':
        if (encoding !== undefined) return bad('framing_invalid', 'The request has two transfer codings.')
        encoding = value
        break
      case 'te':
        trailers ||= /(?:^|,)[ \t]*trailers[ \t]*(?:,|$)/i.test(value)
        break
      case 'expect':
        expect = expect === undefined ? value : `${expect},${value}`
        break
      case 'upgrade':
        upgradeTo = upgradeTo === undefined ? value : `${upgradeTo},${value}`
        break
      case 'origin':
        if (origin !== undefined) return bad('origin_invalid', 'The request has two origins.')
        origin = value
        lines.push(name, value)
        break
      case 'referer':
        referer ??= value
        lines.push(name, value)
        break
      case 'accept':
        accept ??= value
        lines.push(name, value)
        break
      case 'forwarded-for':
        forwardedFor = forwardedFor === undefined ? value : `${forwardedFor},${value}`
        break
      case 'site':
        site = site === undefined ? value : 'cross-site'
        lines.push(name, value)
        break
      case 'mode':
        mode ??= value
        lines.push(name, value)
        break
      case 'dest':
        dest ??= value
        lines.push(name, value)
        break
      case 'preflight':
        preflight = true
        lines.push(name, value)
        break
    }
  }

  if (host === undefined) return bad('host_invalid', 'The request names no host.')
  const parsed = parseHostValue(host)
  if (typeof parsed === 'string') return bad('host_invalid', parsed)
  const http10 = source.httpVersionMajor === 1 && source.httpVersionMinor === 0
  const framing = readFraming({ http10, length, encoding, expect })
  if ('status' in framing) return new Problem(framing.status, framing.code, framing.detail)
  const size = framing.length === undefined && source.bodyFollows ? null : framing.length
  if (upgrade) {
    const wanted = upgradeTo?.trim().toLowerCase() === 'websocket' && source.method === 'GET' && !http10
    if (!wanted || size !== undefined)
      return bad('upgrade_invalid', 'A connection can be upgraded to websocket only.')
    if (!asksForWebSocket(lines)) return bad('upgrade_invalid', 'The WebSocket handshake is malformed.')
  }
  const target = targetOf(source.url ?? '', host, limits.uriBytes)
  if (target instanceof Problem) return target

  return {
    method: source.method ?? 'GET',
    target,
    host: parsed,
    clientIp: info.clientOf?.(forwardedFor) ?? info.clientIp,
    http10,
    upgrade,
    lines: connection === '' ? lines : withoutListed(lines, connection),
    cookies,
    origin,
    referer,
    accept,
    site,
    mode,
    dest,
    // Browsers send none with a body (Fetch standard, CORS-preflight fetch).
    preflight: preflight && origin !== undefined && source.method === 'OPTIONS' && size === undefined,
    expectsContinue: framing.expectsContinue,
    trailers,
    length: size,
  }
}

/** Origin-form, or absolute-form with the same host (RFC 9112 section 3.2.2); everything else is refused. */
function targetOf(url: string, host: string, mostBytes: number): string | Problem {
  if (url.length > mostBytes) return new Problem(414, 'target_too_long', 'The URL is too long.')
  if (url === '*') return new Problem(405, 'method_not_allowed', 'OPTIONS * is not served.')
  if (url.includes('#')) return bad('target_invalid', 'The request target has a fragment.')
  if (url.startsWith('/')) return url
  const [whole, authority] = /^https:\/\/([^/?#]*)/i.exec(url) ?? []
  if (whole === undefined || authority?.toLowerCase() !== host.toLowerCase())
    return bad('target_invalid', 'The request target names another host.')
  const rest = url.slice(whole.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Drops the lines that `Connection` lists (RFC 9110 section 7.6.1). Ours are set later and so survive. */
function withoutListed(lines: string[], connection: string): string[] {
  const listed = new Set(connection.split(',').map((token) => token.trim().toLowerCase()))
  for (const name of OPTIONAL) listed.delete(name)
  if (listed.size === 0) return lines
  return lines.filter((_, i) => !listed.has((lines[i - (i % 2)] as string).toLowerCase()))
}

function bad(code: string, detail: string): Problem {
  return new Problem(400, code, detail)
}
