import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort } from '../../../core/program/dev/free-port.ts'
import { connectIssuer, createTestHub, FakeIssuer } from '../../../core/testing/index.ts'
import verdicts from '../../../plugins/verdicts/hub.ts'

export const KINDS = ['nginx', 'haproxy', 'envoy', 'caddy', 'traefik'] as const
type Kind = (typeof KINDS)[number]

/** Roles by the group of the same name. */
const ROLES = {
  staff: {
    allow: {
      app_labels: { team: 'web' },
      app_rules: [
        { name: 'read', methods: ['GET', 'HEAD', 'POST'], paths: ['/**'] },
        { name: 'live', methods: ['GET'], upgrade: 'websocket', paths: ['/live/**'] },
      ],
    },
    deny: { app_rules: [{ app_labels: { team: 'web' }, methods: ['*'], paths: ['/secret/**'] }] },
  },
  careful: { options: { require_session_mfa: true }, allow: { app_labels: { team: 'web' } } },
  guest: { allow: { app_labels: { team: 'other' } } },
}

/** What a sender without a person proves itself with. */
export const SENDER = 'the secret of a sender, of 40 characters'
const OPEN = [
  {
    ...{ name: 'keyed', methods: ['GET'], paths: ['/keyed/**'] },
    verify: { secret_header: { header: 'X-Feed-Key', secret: 'sender' } },
  },
  { name: 'near', methods: ['GET'], paths: ['/near/**'], verify: { networks: ['192.0.2.0/24'] } },
]

/** What reached the application. */
export interface Arrived {
  readonly line: string
  readonly headers: IncomingHttpHeaders
}

/** A hub that believes to be public at the port of a proxy, an application, and a certificate for the proxy. */
export async function startBehind(t: Test, more: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'mezite-verdicts-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const publicPort = await freePort()
  const secrets = Object.fromEntries(KINDS.map((kind) => [kind, randomBytes(24).toString('hex')]))
  const proxies: Record<string, object> = {}
  for (const kind of KINDS) {
    const file = join(folder, `${kind}-secret`)
    writeFileSync(file, `${secrets[kind]}\n`, { mode: 0o600 })
    proxies[kind] = { kind, secret: { file }, networks: ['127.0.0.0/8'] }
  }
  const far = join(folder, 'far-secret')
  writeFileSync(far, 'f'.repeat(32), { mode: 0o600 })
  proxies.far = { kind: 'nginx', secret: { file: far }, networks: ['10.9.0.0/16'] }

  const sender = join(folder, 'sender-secret')
  writeFileSync(sender, SENDER, { mode: 0o600 })

  const arrived: Arrived[] = []
  const app = createServer((request, response) => {
    arrived.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    request.resume()
    response.setHeader('content-type', 'text/plain')
    response.end(`hello ${request.headers['x-mezite-user'] ?? 'nobody'}`)
  })
  app.on('upgrade', (request, socket) => {
    arrived.push({ line: `websocket ${request.url}`, headers: request.headers })
    socket.on('error', () => {})
    socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  const appPort = (app.address() as AddressInfo).port
  t.teardown(() => {
    app.closeAllConnections()
    app.close()
  })

  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hubPort = await freePort()
  const askPort = await freePort()
  const hub = await createTestHub({
    plugins: [{ plugin: verdicts, config: { proxies } }],
    config: {
      plugins: {
        'authorization-server': { enabled: true },
        'public-paths': { secrets: { sender: { file: sender } } },
      },
      proxy: {
        listen_addr: `127.0.0.1:${hubPort}`,
        public_addr: `hub.mezite.localhost:${publicPort}`,
        ...more,
      },
    },
  })
  t.teardown(() => hub.stop())
  for (const [name, spec] of Object.entries({
    wiki: {},
    second: {},
    feed: { plugins: { 'public-paths': { rules: OPEN } } },
  }))
    await hub.api('PUT', `/apps/${name}`, {
      kind: 'app',
      version: 'v1',
      metadata: { name, labels: { team: 'web' } },
      spec: { uri: 'none', ...spec },
    })

  /** One call of the hub itself, as from a proxy: lines as they are given, with doubles. */
  const call = (
    path: string,
    lines: readonly (readonly [string, string])[],
    { method = 'GET', host = `hub.mezite.localhost:${publicPort}`, body = '' } = {},
  ) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
      const request = requestHttps({
        ...{ host: '127.0.0.1', port: hubPort, path, method, ca: hub.ca, agent: false },
        servername: host.split(':')[0] as string,
        headers: [['Host', host], ...lines].flat() as never,
        setHost: false,
        signal: AbortSignal.timeout(20_000),
      })
      request.on('error', reject)
      request.on('response', async (response) => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      })
      request.end(body)
    })

  return {
    ...{ hub, issuer, arrived, call, folder, secrets, ports: { publicPort, hubPort, appPort, askPort } },
    connect: () => connectIssuer(hub, issuer, ROLES),
    appHost: `wiki.apps.mezite.localhost:${publicPort}`,
    /** An access token of a bot for the application. */
    async token(): Promise<string> {
      const about = { kind: 'bot', version: 'v1', metadata: { name: 'ci' }, spec: { roles: ['staff'] } }
      await hub.api('PUT', '/bots/ci', about)
      const { secret } = await hub.api<{ secret: string }>('POST', '/bots/ci/secret')
      const fields = { grant_type: 'client_credentials', client_id: 'bot:ci', client_secret: secret }
      const resource = `https://wiki.apps.mezite.localhost:${publicPort}/`
      const { text } = await call(
        '/v1/oauth/token',
        [['Content-Type', 'application/x-www-form-urlencoded']],
        { method: 'POST', body: new URLSearchParams({ ...fields, resource }).toString() },
      )
      return JSON.parse(text).access_token
    },
    person(name: string, groups: readonly string[]) {
      issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true, groups }
    },
  }
}

export type Behind = Awaited<ReturnType<typeof startBehind>>

/** How a proxy of this kind describes a request. */
export function described(
  { secrets, appHost }: Pick<Behind, 'secrets' | 'appHost'>,
  kind: Kind,
  changes: Readonly<Record<string, string | null>> = {},
): (readonly [string, string])[] {
  const {
    method = 'GET',
    target = '/',
    host = appHost,
    address = '192.0.2.7',
    secret = secrets[kind],
  } = changes
  const own = kind === 'caddy' || kind === 'traefik' ? 'X-Forwarded' : 'Mezite-Original'
  const all = [
    ['Mezite-Proxy-Secret', secret],
    [`${own}-Method`, method],
    [`${own}-Uri`, target],
    [`${own}-Host`, host],
    [own === 'X-Forwarded' ? 'X-Forwarded-For' : 'Mezite-Original-Address', address],
    ...(own === 'X-Forwarded'
      ? [['X-Forwarded-Proto', changes.scheme === undefined ? 'https' : changes.scheme]]
      : []),
  ]
  return all.filter((line): line is [string, string] => typeof line[1] === 'string')
}

/** A certificate for a proxy, which signs itself. */
export function proxyCertificate(folder: string): { readonly pem: string; readonly ca: string } {
  const names = 'subjectAltName=DNS:hub.mezite.localhost,DNS:wiki.apps.mezite.localhost'
  const args = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=proxy'
  const [key, certificate] = [join(folder, 'proxy.key'), join(folder, 'proxy.crt')]
  execFileSync('openssl', [...args.split(' '), '-addext', names, '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  })
  const ca = readFileSync(certificate, 'utf8')
  return { pem: ca + readFileSync(key, 'utf8'), ca }
}
