/** Lower-case names of request headers that only the hub sets, or that apply to one connection only (hop-by-hop). */
const HUB_SET = new Set([
  ...['connection', 'keep-alive', 'proxy', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate'],
  ...[
    'te',
    'upgrade',
    'http2-settings',
    'host',
    'content-length',
    'transfer-encoding',
    'expect',
    'forwarded',
  ],
  ...[
    'x-real-ip',
    'x-client-ip',
    'x-cluster-client-ip',
    'x-original-url',
    'x-original-host',
    'x-rewrite-url',
  ],
  ...['x-http-host-override', 'x-host', 'x-request-id', 'true-client-ip', 'cf-connecting-ip'],
  ...['fastly-client-ip', 'client-ip'],
])
/** Header names in which common proxies send the authenticated user, so that applications trust them. */
const IDENTITY =
  /^(?:remote-(?:user|name|email|groups?)$|x-(?:remote|webauth|auth-request)-|x-forwarded-(?:user|email|groups|preferred-username)$)/
const ODD = /[^a-z0-9-]/

/**
 * The party that may set a request header, by its lower-case name: `own` (an identity header) and `hub` only the hub; `operator`
 * only the app's document or a plugin, because applications trust it to name the user; `anybody` clients too. Spellings
 * that a CGI-style server reads as the same name, such as `x_mezite.user`, are treated as that name.
 */
export function headerOwner(name: string): 'own' | 'hub' | 'operator' | 'anybody' {
  const plain = plainHeaderName(name)
  if (plain.startsWith('x-mezite-') || plain.startsWith('mezite-')) return 'own'
  if (IDENTITY.test(plain)) return 'operator'
  return HUB_SET.has(plain) || plain.startsWith('x-forwarded-') ? 'hub' : 'anybody'
}

/**
 * The lower-case name with `-` for each character other than a letter or digit, because CGI variables have `_` for all
 * of them.
 */
export function plainHeaderName(name: string): string {
  return ODD.test(name) ? name.replace(/[^a-z0-9-]/g, '-') : name
}

/** Lower-case names of response headers that only the hub sets, or that apply to one connection only (hop-by-hop). */
const RESPONSE_HUB_SET = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'te', 'transfer-encoding'],
  ...['upgrade', 'alt-svc', 'strict-transport-security'],
])

/** True for the lower-case name of a response header that only the hub sets. */
export function isReservedInResponse(name: string): boolean {
  return RESPONSE_HUB_SET.has(name) || headerOwner(name) === 'own'
}
