/** What becomes of a header line of a request: see `classify`. */
export type Fate =
  | 'keep'
  | 'drop'
  | 'refuse'
  | 'host'
  | 'cookie'
  | 'connection'
  | 'length'
  | 'encoding'
  | 'expect'
  | 'upgrade'
  | 'origin'
  | 'referer'
  | 'accept'
  | 'forwarded-for'
  | 'site'
  | 'mode'
  | 'dest'
  | 'preflight'

/** Set by the hub on every request, or believed by common frameworks: a client's own are never passed on. */
const dropped = [
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-url',
  'x-original-host',
  'x-rewrite-url',
  'x-http-host-override',
  'x-host',
  'x-request-id',
  'x-remote-user',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  'client-ip',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy',
  'te',
  'http2-settings',
]

const fates = new Map<string, Fate>([
  ...dropped.map((name): [string, Fate] => [name, 'drop']),
  ['host', 'host'],
  ['cookie', 'cookie'],
  ['connection', 'connection'],
  ['content-length', 'length'],
  ['transfer-encoding', 'encoding'],
  ['expect', 'expect'],
  ['upgrade', 'upgrade'],
  ['origin', 'origin'],
  ['referer', 'referer'],
  ['accept', 'accept'],
  ['x-forwarded-for', 'forwarded-for'],
  ['sec-fetch-site', 'site'],
  ['sec-fetch-mode', 'mode'],
  ['sec-fetch-dest', 'dest'],
  ['access-control-request-method', 'preflight'],
])

/** True for a name that only the hub may set: the identity headers and everything near them. */
function isIdentityName(name: string): boolean {
  return name.startsWith('x-mezite-') || name.startsWith('mezite-')
}

/** All that is neither letter nor digit becomes `_` in the variables of CGI; some servers do it to every character. */
const ODD = /[^a-z0-9-]/

/**
 * The fate of a request header, by its lower-case name. A spelling with `_`, `.` or the like that a CGI-style backend
 * would read as an identity header is refused (400); one of a forwarding header is dropped.
 */
export function classify(name: string): Fate {
  const fate = fates.get(name)
  if (fate !== undefined) return fate
  if (isIdentityName(name) || name.startsWith('x-forwarded-')) return 'drop'
  if (!ODD.test(name)) return 'keep'
  const normal = name.replace(/[^a-z0-9-]/g, '-')
  if (isIdentityName(normal)) return 'refuse'
  return fates.has(normal) || normal.startsWith('x-forwarded-') ? 'drop' : 'keep'
}

/** True for a name that a plugin may not add towards the app. */
export function isReserved(name: string): boolean {
  const fate = classify(name)
  return fate !== 'keep' && fate !== 'origin' && fate !== 'referer' && fate !== 'accept' && fate !== 'cookie'
}

/** Hop-by-hop or ours in an answer: never passed on to the browser. */
const answerDropped = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'transfer-encoding',
  'upgrade',
  'alt-svc',
  'strict-transport-security',
])

export function isReservedInResponse(name: string): boolean {
  return answerDropped.has(name) || isIdentityName(name.includes('_') ? name.replaceAll('_', '-') : name)
}

/** Trailer fields that could change framing, routing, identity or cookies (RFC 9110 section 6.5.1). */
export function isForbiddenTrailer(name: string): boolean {
  const fate = classify(name)
  return (
    (fate !== 'keep' && fate !== 'accept') ||
    isReservedInResponse(name) ||
    /^(?:set-cookie|authorization|content-|cache-control|max-forwards|trailer$|location$|age$|expires$|date$|vary$)/.test(
      name,
    )
  )
}
