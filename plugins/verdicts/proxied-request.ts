import { isIP } from 'node:net'
import type { HeaderLines } from '@mezite/core/types'
import { linesOf, REMOVES, SECRET } from './lines.ts'
import type { AskingProxy } from './proxies.ts'
import { problemFor } from './reasons.ts'

/** The headers in which a proxy describes the request of its client. */
interface Vocabulary {
  readonly method: string
  readonly target: string
  readonly host: string
  readonly address: string
  /** Says that the client speaks TLS with the proxy. */
  readonly scheme?: string
}

/** Of our own, so that no other program has them in mind. */
const OWN: Vocabulary = {
  method: 'mezite-original-method',
  target: 'mezite-original-uri',
  host: 'mezite-original-host',
  address: 'mezite-original-address',
}
/** Those that proxies for forward authentication set, whatever the client sends. */
const FORWARDED: Vocabulary = {
  method: 'x-forwarded-method',
  target: 'x-forwarded-uri',
  host: 'x-forwarded-host',
  address: 'x-forwarded-for',
  scheme: 'x-forwarded-proto',
}

const VOCABULARIES: Readonly<Record<AskingProxy['kind'], Vocabulary>> = {
  nginx: OWN,
  haproxy: OWN,
  envoy: OWN,
  caddy: FORWARDED,
  traefik: FORWARDED,
}

const AUTHORIZATION = 'authorization'
const HOST =
  /^((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?::([0-9]{1,5}))?$/

/** The request of the client, as the proxy describes it, with the client's own lines. */
export interface DescribedRequest {
  readonly method: string
  readonly target: string
  readonly host: string
  readonly clientIp: string
  readonly headers: HeaderLines
  /** Headers that the proxy passes on, whatever the verdict says. */
  readonly leaves: readonly string[]
}

/**
 * Reads the lines of a proxy that has proved itself. `port` is that of the hub's public names. Throws `Problem` 403 if a line is
 * missing, doubled or malformed: what the client has sent never stands in for it.
 */
export function readProxied(
  rawHeaders: readonly string[],
  method: string,
  { kind }: AskingProxy,
  port: number,
): DescribedRequest {
  const lines = linesOf(rawHeaders)
  const names = VOCABULARIES[kind]
  const only = (name: string): string => {
    const [found, ...more] = lines.filter(([one]) => one === name)
    if (found === undefined) throw invalid(name, 'is missing')
    if (more.length > 0) throw invalid(name, 'is there twice')
    return found[1]
  }
  const described = {
    method: only(names.method),
    target: only(names.target),
    host: hostOf(only(names.host), port, names.host),
    clientIp: addressOf(only(names.address), names.address),
  }
  if (names.scheme !== undefined && only(names.scheme) !== 'https')
    throw invalid(names.scheme, 'must be https')
  // Proxies ask with GET, or as Envoy does with the method of the client.
  if (method !== 'GET' && (kind !== 'envoy' || method !== described.method))
    throw invalid(names.method, 'is not the method of this call')
  const removes = kind === 'caddy' ? lines.filter(([name]) => name === REMOVES) : []
  if (removes.length > 1) throw invalid(REMOVES, 'is there twice')
  const isLeft = kind === 'caddy' && removes[0]?.[1].toLowerCase() !== AUTHORIZATION
  const own = new Set([SECRET, ...Object.values(names), ...removes.map(([name]) => name)])
  const headers = lines.filter(
    ([name]) => !own.has(name) && !(kind === 'envoy' && name.startsWith('x-envoy-')),
  )
  return { ...described, headers: headers.flat(), leaves: isLeft ? [AUTHORIZATION] : [] }
}

function hostOf(text: string, port: number, name: string): string {
  const [, host, given] = HOST.exec(text.toLowerCase()) ?? []
  if (host === undefined || (given !== undefined && Number(given) !== port))
    throw invalid(name, 'must be a host name of the hub')
  return host
}

/** The canonical text of one address: a list would be the client's word. */
function addressOf(text: string, name: string): string {
  const plain = /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(text) ? text.slice(7) : text
  if (isIP(plain) === 0 || plain.includes('%')) throw invalid(name, 'must be one address')
  return isIP(plain) === 4 ? plain : new URL(`http://[${plain}]`).hostname.slice(1, -1)
}

const invalid = (name: string, what: string) =>
  problemFor('proxy_headers_invalid', `The header ${name} of the proxy ${what}.`)
