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
    'x-original-uri',
    'x-original-host',
    'x-rewrite-url',
  ],
  ...['x-http-host-override', 'x-host', 'x-request-id', 'true-client-ip', 'cf-connecting-ip'],
  ...['fastly-client-ip', 'client-ip'],
])
/** Words for who somebody is, as the last part of a name. */
const WHO = '(?:user(?:-?(?:name|id|info|dn))?|login|e-?mail|mail|groups?|roles?|upn|subject|identity|dn)'
/**
 * Families of names in which other proxies send the authenticated user or the client's certificate, so that applications
 * trust them. Families, because products add members: a name that is missing here lets clients choose who they are.
 */
const IDENTITY = new RegExp(
  [
    // Conventions of many products.
    '^(?:x-)?remote-|^x-(?:auth|user|webauth-|jwt-|oidc-|token-(?:user|subject)|id-token$)|-principal|-jwt-assertion$|-userinfo$',
    `-authenticated-(?:user|group|scope)|^x-${WHO}$|^(?:x-)?(?:auth|sso|saml|ldap|cas|krb|idp|iam|ad|aad|proxy|gateway|login|trusted|verified|current|logged-in)-${WHO}$`,
    // Certificates of clients (RFC 9440, and servers that end TLS).
    '^(?:x-)?ssl-|^(?:x-)?(?:arr-)?client-?cert|^x-(?:tls-client|mtls|amzn-mtls)-|^(?:wl-proxy|ms-aspnetcore)-',
    // Names of one product each.
    '^(?:tailscale|cf-access|shib|mellon|oidc|kubeflow|cas|sm|iv|oam|osso)-|^x-(?:shib|vouch|consumer|credential|pomerium|goog-iap|kong|hass|appengine)-',
    `^x-(?:amzn-(?:oidc|ava)-|ms-token-|rh-identity$|proxy-ext-|envoy-(?:internal$|downstream-)|anonymous-consumer$)|^x-(?:okta|onelogin|jumpcloud|auth0|keycloak|entra|azure|ping|duo|zscaler|netskope|citrix|f5|apm)-${WHO}$`,
    // Attributes that Shibboleth sends by their own names.
    '^(?:eppn|mail|uid|cn|sn|givenname|displayname|(?:primary-|unscoped-)?affiliation|entitlement|(?:persistent|targeted|subject|pairwise)-id|ismemberof|smuser)$',
  ].join('|'),
)
/** Names in which CDNs and balancers send the client's address, and names that replace the method of a request. */
const CLIENT_ADDRESS =
  /(?:^|-)(?:client|real|connecting|connection|socket|user|proxyuser|source|originating|peer|pseudo|trusted)-?(?:ip|ipv4|ipv6|addr|address)$|(?:^|-)forwarded-for(?:-ip)?$|-(?:proxied-for|viewer-address|external-address|ip-authorization)$|^x-forwarded$/
const METHOD = /^x-(?:original-method|(?:http-)?method(?:-override)?)$/
/** Of the names that begin with `x-forwarded-`, those of the user. */
const FORWARDED_USER = /^x-forwarded-(?:user|email|groups|preferred-username)$/
const ODD = /[^a-z0-9-]/

/**
 * The party that may set a request header, by its lower-case name: `own` (an identity header) and `hub` only the hub; `operator`
 * only the app's document or a plugin, because applications trust it to name the user, the client's address or the
 * method; `anybody` clients too. Spellings that a CGI-style server reads as the same name, such as `x_mezite.user`, are
 * treated as that name.
 */
export function headerOwner(name: string): 'own' | 'hub' | 'operator' | 'anybody' {
  const plain = plainHeaderName(name)
  if (plain.startsWith('x-mezite-') || plain.startsWith('mezite-')) return 'own'
  if (FORWARDED_USER.test(plain)) return 'operator'
  if (HUB_SET.has(plain) || plain.startsWith('x-forwarded-')) return 'hub'
  return IDENTITY.test(plain) || CLIENT_ADDRESS.test(plain) || METHOD.test(plain) ? 'operator' : 'anybody'
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
