// needs: mod_auth_openidc
// together: programs
/** Two real OpenID clients as apps behind the hub: Apache with mod_auth_openidc, and Express with express-openid-connect. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, request } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { freePort, type Visitor } from '@mezite/core/testing'
import t from 'tap'
import { loopbackFetch } from '../../../examples/cluster/loopback-fetch.ts'
import { until } from '../../until.ts'
import { startProgram } from './local-programs.ts'
import { authorizationUrl, follow, proofKey, startWorld } from './world.ts'

const dir = mkdtempSync('/tmp/mezite-apache-')
// Apache gives up root.
chmodSync(dir, 0o755)
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const world = await startWorld(t, { roles: { editors: { allow: { app_labels: { team: 'editors' } } } } })
const { hub, person, register } = world
interface Client {
  readonly client_id: string
  readonly client_secret: string
}
const client = (name: string, path: string, logout_uri: string) =>
  hub.api<Client>('PUT', `/app-clients/${name}`, { redirect_uris: [hub.appUrl(name) + path], logout_uri })
const require = createRequire(import.meta.url)

interface App {
  readonly name: string
  readonly port: number
  readonly path: string
  /** The cookie of the app's own session. */
  readonly cookie: RegExp
  /** What it wrote, for a test that fails. */
  log(): string
}

async function startApache(): Promise<App> {
  const [name, port] = ['handbook', await freePort()]
  const callback = '/oidc/callback'
  await register(name, { uri: `http://127.0.0.1:${port}` }, { team: 'editors' })
  const { client_id, client_secret } = await client(
    name,
    callback,
    `http://127.0.0.1:${port}${callback}?logout=backchannel`,
  )
  const modules = [
    ...['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'socache_shmcb', 'headers', 'auth_openidc'],
  ]
  const documents = join(dir, 'documents')
  mkdirSync(documents)
  writeFileSync(join(documents, 'handbook.html'), 'the handbook')
  const authority = join(dir, 'ca.pem')
  writeFileSync(authority, hub.ca)
  const file = join(dir, 'apache.conf')
  writeFileSync(
    file,
    `${modules.map((one) => `LoadModule ${one}_module /usr/lib/apache2/modules/mod_${one}.so`).join('\n')}
ServerRoot ${dir}
ServerName ${name}.localhost
PidFile ${dir}/pid
DefaultRuntimeDir ${dir}
ErrorLog ${dir}/error.log
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
Listen 127.0.0.1:${port}
StartServers 1
ServerLimit 1
ThreadsPerChild 16
MaxRequestWorkers 16
DocumentRoot ${documents}
OIDCProviderMetadataURL ${hub.signInUrl}/.well-known/openid-configuration
OIDCCABundlePath ${authority}
OIDCClientID ${client_id}
OIDCClientSecret ${client_secret}
OIDCScope "openid profile email groups"
OIDCPKCEMethod S256
OIDCRedirectURI ${hub.appUrl(name)}${callback}
OIDCXForwardedHeaders X-Forwarded-Host X-Forwarded-Port X-Forwarded-Proto
OIDCCryptoPassphrase of-this-test-alone
OIDCRemoteUserClaim preferred_username
OIDCSessionType server-cache
OIDCCacheType shm
<Directory />
  AllowOverride None
</Directory>
<Location />
  AuthType openid-connect
  Require claim groups:editors
  Header always set X-Signed-In "expr=%{REMOTE_USER}"
  Header always set X-Groups "%{OIDC_CLAIM_groups}e"
</Location>
`,
  )
  startProgram(t, '/usr/sbin/apache2', ['-D', 'FOREGROUND', '-f', file])
  await until(
    () =>
      fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' }).then(
        () => true,
        () => false,
      ),
    'Apache starts',
  )
  return {
    name,
    port,
    path: '/handbook.html',
    cookie: /mod_auth_openidc_session=[^;]+/,
    log: () => readFileSync(join(dir, 'error.log'), 'utf8'),
  }
}

async function startExpress(): Promise<App> {
  const name = 'portal'
  const express = require('express')
  const { auth } = require('express-openid-connect')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  await register(name, { uri: `http://127.0.0.1:${port}` }, { team: 'editors' })
  const { client_id, client_secret } = await client(
    name,
    '/callback',
    `http://127.0.0.1:${port}/backchannel-logout`,
  )
  const kept = new Map<string, unknown>()
  const store = {
    get: (id: string, done: (error: null, value: unknown) => void) => done(null, kept.get(id)),
    set(id: string, value: unknown, done: (error: null) => void) {
      kept.set(id, value)
      done(null)
    },
    destroy(id: string, done: (error: null) => void) {
      kept.delete(id)
      done(null)
    },
  }
  const app = express()
  app.use(
    auth({
      ...{
        issuerBaseURL: hub.signInUrl,
        baseURL: hub.appUrl(name),
        clientID: client_id,
        clientSecret: client_secret,
      },
      secret: 'of-this-test-alone-'.repeat(3),
      authRequired: true,
      backchannelLogout: { store },
      customFetch: loopbackFetch(hub.ca),
      authorizationParams: { response_type: 'code', scope: 'openid profile email groups' },
    }),
  )
  app.get(
    '/',
    (
      request: { oidc: { user: { preferred_username: string; groups: string[] } } },
      response: { set(headers: object): { send(text: string): void } },
    ) => {
      const { preferred_username, groups } = request.oidc.user
      response.set({ 'x-signed-in': preferred_username, 'x-groups': groups.join(',') }).send('the portal')
    },
  )
  server.on('request', app as RequestListener)
  return { name, port, path: '/', cookie: /appSession[^;]+/, log: () => '' }
}

/** A request to the app itself, past the hub, as its own session sees it. */
function own({ name, port, path, cookie }: App, visitor: Visitor): Promise<number> {
  const host = new URL(hub.appUrl(name)).host
  const [kept = ''] = cookie.exec(visitor.cookies(host) ?? '') ?? []
  const [domain = '', suffix = ''] = host.split(':')
  return new Promise((resolve, reject) => {
    const headers = { host, cookie: kept, 'x-forwarded-proto': 'https', 'x-forwarded-host': domain }
    request(
      { host: '127.0.0.1', port, path, headers: { ...headers, 'x-forwarded-port': suffix } },
      (response) => resolve(response.resume().statusCode ?? 0),
    )
      .on('error', reject)
      .end()
  })
}

for (const [title, start] of [
  ['Apache with mod_auth_openidc', startApache],
  ['Express with express-openid-connect', startExpress],
] as const)
  t.test(`${title} signs people in through the hub, and out with it`, async (t) => {
    const app = await start()
    person('edda', 'editors')
    const edda = hub.visitor()
    const page = await edda.open(hub.appUrl(app.name) + app.path)
    t.equal(page.status, 200, `${page.text.slice(0, 200)} ${app.log()}`)
    t.equal(page.url, hub.appUrl(app.name) + app.path, 'without a second prompt')
    t.match(page.headers, { 'x-signed-in': 'edda@example.com', 'x-groups': 'editors' })

    person('gina', 'guests')
    const gina = hub.visitor()
    t.equal((await gina.open(`${hub.appUrl(app.name)}/`)).status, 403)
    const { client_id, redirect_uris } = await hub.api<Client & { redirect_uris: string[] }>(
      'GET',
      `/app-clients/${app.name}`,
    )
    const [redirect_uri = ''] = redirect_uris
    const asked = { client_id, redirect_uri, scope: 'openid', code_challenge: proofKey().challenge }
    const refused = await follow(gina, authorizationUrl(hub, asked), new URL(redirect_uri).origin)
    t.match(refused, { status: 403 }, 'who may not reach the app gets no code')

    t.equal(await own(app, edda), 200, 'it has a session of its own')
    const all = await hub.api<{ id: string; kind: string; user: string }[]>('GET', '/sessions')
    const hubSession = all.find(({ kind, user }) => kind === 'hub' && user === 'edda@example.com')
    await hub.api('DELETE', `/sessions/${hubSession?.id}`)
    const took = await until(async () => (await own(app, edda)) !== 200, 'S211 the back-channel logout')
    t.comment(`the app's own session ended after ${Math.round(took)} ms`)
  })
