// needs: nginx, haproxy, caddy
// long
/** The proxies of the page how-to/behind-your-proxy, each with the text of the page, in front of a hub and an application. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Visitor } from '../../../core/testing/index.ts'
import { startProgram } from '../../traffic/listener/start-program.ts'
import { until } from '../../until.ts'
import { type Behind, proxyCertificate, startBehind } from './start-behind.ts'

const ROOT = join(import.meta.dirname, '../../..')
const page = readFileSync(join(ROOT, 'plugins/docs/pages/how-to/behind-your-proxy.md'), 'utf8')

/** The block of the page in this language, with these texts in place of those of the page. */
function snippet(language: string, changes: readonly (readonly [string, string])[]): string {
  let text = page.split(`\`\`\`${language}\n`)[1]?.split('\n```')[0] ?? ''
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`the block ${language} of the page lacks ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

interface Running {
  readonly behind: Behind
  readonly ca: string
}

type Program = readonly [command: string, args: readonly string[], files: Readonly<Record<string, string>>]

/** The hub's own host is behind the same proxy, so that a browser finds it at its public port. */
const OWN = 'hub.mezite.localhost'
const APP = 'wiki.apps.mezite.localhost'

async function run(t: Test, program: (behind: Behind, pem: string) => Program): Promise<Running> {
  const behind = await startBehind(t, { trusted_proxies: ['127.0.0.1'] })
  await behind.connect()
  const { pem, ca } = proxyCertificate(behind.folder)
  writeFileSync(join(behind.folder, 'hub-ca.pem'), behind.hub.ca)
  writeFileSync(join(behind.folder, 'proxy.pem'), pem, { mode: 0o600 })
  const [command, args, files] = program(behind, pem)
  const running = await startProgram(command, args, behind.ports.publicPort, files)
  t.teardown(() => running.stop())
  return { behind, ca }
}

const nginx = ({ folder, ports, secrets }: Behind): Program => {
  const secret = join(folder, 'mezite-secret.conf')
  writeFileSync(secret, `proxy_set_header Mezite-Proxy-Secret "${secrets.nginx}";`, { mode: 0o600 })
  const server = snippet('nginx', [
    ['listen 443 ssl', `listen 127.0.0.1:${ports.publicPort} ssl`],
    ['wiki.apps.example.com', APP],
    ['/etc/nginx/apps.pem', join(folder, 'proxy.pem')],
    ['/etc/ssl/certs/ca-certificates.crt', join(folder, 'hub-ca.pem')],
    ['/etc/nginx/mezite-secret.conf', secret],
    ['https://mezite.example.com', 'https://mezite_hub'],
    ['127.0.0.1:3000', `127.0.0.1:${ports.appPort}`],
    // A name of the test, which no name server knows.
    [
      'proxy_pass_request_body off;',
      `proxy_pass_request_body off; proxy_set_header Host ${OWN}; proxy_ssl_name ${OWN};`,
    ],
  ])
  const conf = `
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events { worker_connections 200; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream mezite_hub { server 127.0.0.1:${ports.hubPort}; }
  ${server}
  server {
    listen 127.0.0.1:${ports.publicPort} ssl; server_name ${OWN};
    ssl_certificate ${join(folder, 'proxy.pem')}; ssl_certificate_key ${join(folder, 'proxy.pem')};
    location / { proxy_pass https://mezite_hub; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_ssl_server_name on; proxy_ssl_name $host; }
  }
}`
  return ['/usr/sbin/nginx', ['-p', '.', '-c', 'conf', '-e', 'stderr'], { conf }]
}

const haproxy = ({ folder, ports, secrets }: Behind): Program => {
  copyFileSync(join(ROOT, 'plugins/verdicts/haproxy/mezite.lua'), join(folder, 'mezite.lua'))
  const conf = snippet('haproxy', [
    ['127.0.0.1:8470', `127.0.0.1:${ports.askPort}`],
    ['presetenv MEZITE_PROXY_SECRET ""', `setenv MEZITE_PROXY_SECRET ${secrets.haproxy}`],
    ['/etc/haproxy/mezite.lua', join(folder, 'mezite.lua')],
    ['/etc/haproxy/apps.pem', join(folder, 'proxy.pem')],
    ['/etc/ssl/certs/ca-certificates.crt', join(folder, 'hub-ca.pem')],
    ['bind :443', `bind 127.0.0.1:${ports.publicPort}`],
    ['if !{ path_beg /.mezite/ }', `if !{ path_beg /.mezite/ } !{ req.hdr(host) -m beg ${OWN} }`],
    ['use_backend mezite if', `use_backend mezite if { req.hdr(host) -m beg ${OWN} } ||`],
    ['set-header Host mezite.example.com', `set-header Host ${OWN}`],
    ['mezite.example.com:443', `127.0.0.1:${ports.hubPort}`],
    ['127.0.0.1:3000', `127.0.0.1:${ports.appPort}`],
  ])
  return ['/usr/sbin/haproxy', ['-db', '-f', 'conf'], { conf: `${conf}\n` }]
}

const caddy = ({ folder, ports, secrets }: Behind): Program => {
  const pem = join(folder, 'proxy.pem')
  const trust = `tls_trusted_ca_certs ${join(folder, 'hub-ca.pem')}`
  const site = snippet('caddyfile', [
    [
      'wiki.apps.example.com {\n',
      `https://${APP}:${ports.publicPort} {\n  bind 127.0.0.1\n  tls ${pem} ${pem}\n`,
    ],
    ['tls_server_name wiki.apps.example.com', `tls_server_name ${APP}\n        ${trust}`],
    [
      'forward_auth https://mezite.example.com {',
      `forward_auth https://127.0.0.1:${ports.hubPort} {\n      transport http {\n        tls_server_name ${OWN}\n        ${trust}\n      }`,
    ],
    [
      'reverse_proxy @hub https://mezite.example.com',
      `reverse_proxy @hub https://127.0.0.1:${ports.hubPort}`,
    ],
    ['header_up Host {upstream_hostport}', `header_up Host ${OWN}:${ports.publicPort}`],
    ['{$MEZITE_PROXY_SECRET}', secrets.caddy as string],
    ['127.0.0.1:3000', `127.0.0.1:${ports.appPort}`],
  ])
  const Caddyfile = `{
  admin off
  auto_https off
  storage file_system ${folder}/caddy
}
${site}
https://${OWN}:${ports.publicPort} {
  bind 127.0.0.1
  tls ${pem} ${pem}
  reverse_proxy https://127.0.0.1:${ports.hubPort} {
    header_up Host {http.request.hostport}
    header_up X-Forwarded-For {remote_host}
    transport http {
      tls_server_name ${OWN}
      ${trust}
    }
  }
}
`
  return ['/usr/bin/caddy', ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], { Caddyfile }]
}

for (const [name, program] of Object.entries({ nginx, haproxy, caddy }))
  t.test(
    `${name} with the text of the page: sign-in, identity, denials, and nothing of the hub at the application`,
    async (t) => {
      const { behind, ca } = await run(t, program)
      const { hub, arrived, appHost } = behind
      const url = `https://${appHost}`
      behind.person('alice', ['staff'])

      const stranger = new Visitor(ca)
      const script = await stranger.fetch(`${url}/api`, { headers: { accept: 'application/json' } })
      t.equal(script.status, 401, 'a script without a session')
      t.equal(arrived.length, 0)

      const alice = new Visitor(ca)
      const opened = await alice.open(`${url}/deep/page?x=1`)
      t.equal(opened.status, 200, opened.text.slice(0, 300))
      t.equal(opened.url, `${url}/deep/page?x=1`, 'the address that she wanted')
      t.equal(opened.text, 'hello alice@example.com')
      t.equal(arrived[0]?.line, 'GET /deep/page?x=1')
      t.equal(arrived.length, 1)

      arrived.length = 0
      const posted = await alice.fetch(`${url}/form`, {
        method: 'POST',
        body: 'a=b',
        headers: {
          cookie: `${alice.cookies(appHost)}; theme=dark`,
          origin: url,
          'sec-fetch-site': 'same-origin',
        },
      })
      t.equal(posted.status, 200, posted.text.slice(0, 300))
      const headers = arrived[0]?.headers ?? {}
      t.equal(headers['x-mezite-user'], 'alice@example.com')
      t.equal(headers['x-mezite-roles'], 'staff')
      t.match(headers['mezite-jwt-assertion'], /^ey/)
      t.match(headers.cookie, /^theme=dark/)
      t.notMatch(JSON.stringify(headers), /__Host-mezite/, 'no cookie of the hub')
      t.notMatch(JSON.stringify(headers), new RegExp(behind.secrets[name] as string), 'nor the secret')

      arrived.length = 0
      const token = await behind.token()
      const basic = `Basic ${Buffer.from(`git:${token}`).toString('base64')}`
      for (const more of [
        { authorization: `Bearer ${token}` },
        { authorization: basic },
        { 'mezite-token': token, authorization: 'Bearer of-the-app' },
        { 'mezite-token': token },
      ]) {
        const asked = await stranger.fetch(`${url}/page`, { headers: more })
        t.equal(asked.text, 'hello bot:ci', JSON.stringify(Object.keys(more)))
        const { headers = {} } = arrived.pop() ?? {}
        t.equal(
          headers.authorization || undefined,
          more.authorization === 'Bearer of-the-app' ? more.authorization : undefined,
        )
        t.notMatch(JSON.stringify(headers), token, 'no token of the hub')
        t.notMatch(JSON.stringify(headers), basic.slice(6))
        t.equal(headers['mezite-remove'], undefined)
      }

      arrived.length = 0
      const denied = [
        await alice.fetch(`${url}/secret/x`),
        await alice.fetch(`${url}/%73ecret/x`),
        await alice.fetch(`${url}/page`, { method: 'DELETE', headers: { origin: url } }),
        await alice.fetch(`${url}/page`, { method: 'POST', headers: { origin: 'https://evil.example' } }),
      ]
      t.strictSame(
        denied.map(({ status }) => status),
        [403, 403, 403, 403],
      )
      const pretending = [
        { 'x-mezite-user': 'root' },
        { 'mezite-jwt-assertion': 'ey.a.b' },
        { 'remote-user': 'root' },
        { 'x-http-method-override': 'DELETE' },
      ]
      for (const more of pretending) {
        const { status } = await alice.fetch(`${url}/page`, { headers: more as never })
        t.equal(status, name === 'nginx' ? 403 : 400, JSON.stringify(more))
      }
      t.equal(arrived.length, 0, 'none of them arrived')
      // What the client says about itself is replaced, or denied: it never counts.
      const lies = {
        'x-forwarded-method': 'GET',
        'x-forwarded-uri': '/page',
        'x-forwarded-host': 'second.apps.mezite.localhost',
        'x-forwarded-for': '203.0.113.9',
      }
      t.equal((await alice.fetch(`${url}/secret/y`, { headers: lies })).status, 403)
      t.equal((await stranger.fetch(`${url}/page`, { headers: lies })).status, 401)
      const own = {
        'mezite-original-method': 'GET',
        'mezite-original-uri': '/page',
        'mezite-original-host': appHost,
        'mezite-original-address': '203.0.113.9',
        'mezite-proxy-secret': behind.secrets[name] as string,
      }
      t.ok((await alice.fetch(`${url}/secret/z`, { headers: own })).status >= 400)
      t.equal(arrived.length, 0)
      t.ok(
        (await stranger.fetch(`${url}/mezite-verdict`)).status >= 400,
        'the place where the proxy asks is not a way in',
      )

      await alice.fetch(`${url}/recorded`)
      let row: Record<string, unknown> | undefined
      await until(
        async () => {
          const found = await hub.api<Record<string, unknown>[]>('GET', '/audit?type=app.request&limit=20')
          row = found.find(({ path }) => path === '/recorded')
          return row !== undefined
        },
        'the record of the verdict',
        15_000,
      )
      t.match(row, { user: 'alice@example.com', client_ip: '127.0.0.1', proxy: name, app: 'wiki' })

      arrived.length = 0
      await hub.api('POST', '/locks', { target: { user: 'alice@example.com' } })
      t.equal((await alice.fetch(`${url}/page`)).status, 403, 'a lock counts from the next request on')
      t.equal(arrived.length, 0)
      await hub.stop()
      t.ok((await alice.fetch(`${url}/page`)).status >= 500, 'and without the hub, nothing passes')
      t.equal(arrived.length, 0)
    },
  )
