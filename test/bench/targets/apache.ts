import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FakeIssuer, freePort, Visitor } from '../../../core/testing/index.ts'
import type { Children } from '../children.ts'
import { findProgram } from '../programs-needed.ts'
import type { Target } from '../target.ts'
import { untilListening } from '../until-listening.ts'
import type { CertificateFiles } from './certificate.ts'

export const APACHE = 'Apache with mod_auth_openidc'
const MODULES = '/usr/lib/apache2/modules'
const SESSIONS = 64

/** A peer that signs people in, too; `issuer` ends with the bench. */
export interface Apache {
  readonly target: Target
  readonly issuer: FakeIssuer
  /** Somebody who has signed in. */
  visitor(): Promise<Visitor>
}

/**
 * Apache httpd with duties of the hub towards a port: sign-in, session cookie, claims as headers, access log. With `signs`, it
 * passes the identity as a token, too, which it signs for each request (RS256). The name says which.
 */
export async function startApache(
  children: Children,
  options: CertificateFiles & {
    readonly name: string
    readonly dir: string
    readonly upstreamPort: number
    readonly signs: boolean
    /** Whether a tunnel leads to the port. */
    readonly tunnel: boolean
    readonly more?: Target['processes']
  },
): Promise<Apache> {
  const name = `${options.name}, ${options.signs ? 'signed identity' : 'unsigned identity'}`
  const identity = options.signs
    ? 'claims as headers and as a token signed for each request'
    : 'claims as unsigned headers'
  const includes = `TLS, session cookie, ${identity}, access log, ${options.tunnel ? 'a tunnel' : 'no tunnel'}`
  const folder = join(options.dir, name.replaceAll(/\W+/g, '-'))
  mkdirSync(folder, { recursive: true })
  const [port, issuer] = await Promise.all([freePort(), FakeIssuer.start()])
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  writeFileSync(join(folder, 'signing-key.pem'), pem, { mode: 0o600 })
  const file = join(folder, 'apache.conf')
  writeFileSync(file, configuration({ ...options, folder, port, issuer }))
  const child = children.spawn(findProgram('apache2') ?? 'apache2', ['-D', 'FOREGROUND', '-f', file])
  await untilListening(port)
  const origin = `https://baseline.localhost:${port}`
  const visitor = async (): Promise<Visitor> => {
    const someone = new Visitor(readFileSync(options.certFile, 'utf8'))
    const page = await someone.open(`${origin}/bytes/1024`)
    if (page.status !== 200) throw new Error(`signing in to Apache ended with ${page.status} at ${page.url}`)
    return someone
  }
  const cookies: string[] = []
  while (cookies.length < SESSIONS)
    cookies.push((await visitor()).cookies(`baseline.localhost:${port}`) ?? '')
  return {
    issuer,
    visitor,
    target: {
      name,
      port,
      host: 'baseline.localhost',
      includes,
      cookie: (connection) => cookies[connection % SESSIONS] ?? '',
      processes: { apache: child.pid ?? 0, ...options.more },
    },
  }
}

function configuration(
  options: CertificateFiles & {
    readonly folder: string
    readonly port: number
    readonly upstreamPort: number
    readonly signs: boolean
    readonly issuer: FakeIssuer
  },
): string {
  const { folder, port, upstreamPort, signs, issuer, keyFile, certFile } = options
  const modules = [
    ...['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'socache_shmcb', 'ssl', 'proxy', 'proxy_http'],
    ...['auth_openidc', 'http2'],
  ]
  return `${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
ServerRoot ${folder}
ServerName baseline.localhost
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
CustomLog ${folder}/access.log combined
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
Listen 127.0.0.1:${port}
Protocols h2 http/1.1
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
StartServers 1
ServerLimit 2
ThreadsPerChild 256
ThreadLimit 256
MaxRequestWorkers 512
SSLEngine on
SSLCertificateFile ${certFile}
SSLCertificateKeyFile ${keyFile}
SSLSessionCache shmcb:${folder}/ssl-cache(512000)
OIDCProviderIssuer ${issuer.url}
OIDCProviderAuthorizationEndpoint ${issuer.url}/authorize
OIDCProviderTokenEndpoint ${issuer.url}/token
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCProviderUserInfoEndpoint ${issuer.url}/userinfo
OIDCProviderJwksUri ${issuer.url}/jwks
OIDCClientID ${issuer.clientId}
OIDCClientSecret ${issuer.clientSecret}
OIDCRedirectURI https://baseline.localhost:${port}/oidc/callback
OIDCCryptoPassphrase ${randomBytes(16).toString('hex')}
OIDCPKCEMethod S256
OIDCRemoteUserClaim email
OIDCPassClaimsAs headers
${signs ? `OIDCPassUserInfoAs signed_jwt\nOIDCPrivateKeyFiles ${folder}/signing-key.pem` : ''}
OIDCCacheType shm
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:${upstreamPort}/
`
}
