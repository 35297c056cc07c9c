// in: test/packaging/packages.test.ts
/** The examples that need a whole hub, in one hub with an agent. `test/packaging/packages.test.ts` runs it from packed packages. */
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { DialRefusal, defineAgentPlugin, defineHubPlugin } from '@mezite/core'
import { appKinds } from '@mezite/core/protocol'
import { conformPlugin, createTestHost, openProtocolBench, testTarget } from '@mezite/core/testing'
import t from 'tap'
import appFolder from '../../examples/app-folder/agent.ts'
import appNotes from '../../examples/app-notes/hub.ts'
import httpRules from '../../examples/http-rules/hub.ts'
import selfService from '../../examples/self-service/hub.ts'
import serviceAccounts from '../../examples/service-accounts/hub.ts'
import signedWebhooks from '../../examples/signed-webhooks/hub.ts'

const folder = mkdtempSync(join(tmpdir(), 'mezite-site-'))
const proposed = join(folder, 'apps')
mkdirSync(proposed)

const received: string[] = []
const heads: IncomingHttpHeaders[] = []
const bodies: string[] = []
const app = createServer((request, response) => {
  const { url, headers } = request
  received.push(`${url} ${headers['x-checked-by']}`)
  heads.push(headers)
  if (url === '/hook') {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    return void request.on('end', () => {
      bodies.push(text)
      response.end('ok')
    })
  }
  if (url?.startsWith('/page')) {
    const encoding = headers['accept-encoding'] ?? 'none'
    response.writeHead(200, { 'content-type': 'text/html', 'content-length': 60 })
    response.write(`<html><title>${encoding.padEnd(18)}</ti`)
    return void setImmediate(() => response.end(`tle><body class="x">Hello`))
  }
  response.writeHead(200, { server: 'old', 'x-powered-by': 'older' }).end('ok')
})
await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))

/** A kind of application that the hub serves to browsers, and that the agent has in memory. */
const siteHub = defineHubPlugin({
  name: 'site',
  api: 1,
  summary: 'Publishes sites as applications',
  provides: { appKinds },
  setup({ provide }) {
    provide.appKinds({ name: 'site', schemes: ['site'], servedByHub: true })
  },
})
const siteAgent = defineAgentPlugin({
  name: 'site',
  api: 1,
  summary: 'Serves sites as applications',
  setup({ tap }) {
    tap.dial.open(({ uri }) => {
      const { protocol, hostname } = new URL(uri)
      if (protocol !== 'site:') return null
      if (hostname !== 'handbook') throw new DialRefusal('site_unknown', `there is no site ${hostname}`)
      // The server listens nowhere: a connection of the tunnel is one end of a pair in memory.
      const [near, far] = duplexPair()
      near.once('close', () => far.destroy())
      far.on('error', () => {}).once('close', () => near.destroy())
      createServer(({ url }, response) => void response.end(`<h1>Handbook ${url}</h1>`)).emit(
        'connection',
        far,
      )
      return near
    })
  },
})

const key = 'a key of 256 bits, in real life'
const accounts = {
  ci: { key_sha256: createHash('sha256').update(key).digest('hex'), roles: ['reaches'], apps: ['echo'] },
}
const secretFile = join(folder, 'webhook-secret')
writeFileSync(secretFile, 'webhook secret', { mode: 0o600 })
const hooks = { echo: { path: '/hook', secret: { file: secretFile } } }
const offer = { role: 'oncall', label: 'offered', value: 'yes' }
const blocked = { echo: ['/admin', '/metrics/'] }
const banners = { pages: 'Test <system>' }
const bench = await openProtocolBench(
  [
    ...[{ plugin: siteHub }, { plugin: appNotes }, { plugin: httpRules, config: { blocked, banners } }],
    ...[
      { plugin: signedWebhooks, config: { hooks } },
      { plugin: selfService, config: offer },
      { plugin: serviceAccounts, config: { accounts } },
    ],
  ],
  [{ plugin: siteAgent }, { plugin: appFolder, config: { folder: proposed, interval: '100ms' } }],
)
const { hub, agent } = bench
t.teardown(async () => {
  await bench.close()
  app.close()
  rmSync(folder, { recursive: true })
})
const register = (name: string, spec: object, labels = { conform: 'yes' }) =>
  hub.api('PUT', `/apps/${name}`, {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels },
    spec: { ...spec, agents: [agent.hostname] },
  })
await register('handbook', { uri: 'site://handbook:80', protocol: 'site' })
await register('echo', { uri: `http://127.0.0.1:${(app.address() as AddressInfo).port}` })
const address = `http://127.0.0.1:${(app.address() as AddressInfo).port}`
await register('pages', { uri: address, plugins: { 'http-rules': { per_minute: 4 } } })
await register('private', { uri: 'site://handbook:80' }, { conform: 'no' })
/** Events are written a moment after what they record. */
async function recorded(query: string, fits: (event: object) => boolean = () => true): Promise<unknown> {
  for (const deadline = Date.now() + 60_000; ; ) {
    const events = (await hub.api<object[]>('GET', `/audit?${query}`)).filter(fits)
    if (events.length > 0 || Date.now() > deadline) return events
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
const ann = await bench.person('ann', ['reaches'])

t.test('they keep the rules of plugins', async (t) => {
  const refused = [{ banners: { pages: '' } }, { blocked: { echo: ['admin'] } }]
  conformPlugin(t, httpRules, { config: { blocked, banners }, refused })
  const use = { access: {}, catalog: {}, pages: {}, revisions: { addView() {} } }
  conformPlugin(t, appNotes, { use, refused: [{ notes: {} }] })
})

t.test('an application of a kind that a plugin adds is an application like any other', async (t) => {
  t.match(await ann.open(`${hub.appUrl('handbook')}/`), { status: 200, text: '<h1>Handbook /</h1>' })
  t.match(await ann.open(`${hub.appUrl('handbook')}/sub/`), { text: '<h1>Handbook /sub/</h1>' })
  t.equal(
    (await ann.open(`${hub.appUrl('private')}/`)).status,
    403,
    'a role decides, as for any other application',
  )
  t.equal((await hub.visitor().fetch(`${hub.appUrl('handbook')}/`)).status, 401)
})

t.test('its agent dials its own kind only', async (t) => {
  const { calls } = createTestHost<'agent'>(siteAgent)
  t.equal(await calls.dial.open(testTarget('web', 'http://handbook:80')), null)
  await t.rejects(calls.dial.open(testTarget('none', 'site://none:80')), {
    cause: { reason: 'site_unknown' },
  })
})

t.test('a blocked path reaches no application, and headers change in both directions', async (t) => {
  t.equal((await ann.open(`${hub.appUrl('echo')}/`)).text, 'ok')
  for (const path of [
    '/admin',
    '/admin/users?x',
    '/ADMIN',
    '/%61dmin',
    '//admin',
    '/x/../admin',
    '/metrics',
  ]) {
    const { status, text } = await ann.fetch(hub.appUrl('echo') + path)
    t.match({ status, text }, { status: 403, text: /path_blocked/ }, path)
  }
  t.strictSame(received.splice(0), ['/ http-rules'])
  const { status, headers } = await ann.fetch(`${hub.appUrl('echo')}/administrators`)
  t.match({ status, headers }, { status: 200, headers: { 'x-frame-options': 'DENY', server: undefined } })
  t.equal(headers['x-powered-by'], undefined)
  t.strictSame(received, ['/administrators http-rules'])
})

t.test('notes are stored and recorded, and people see those of their applications', async (t) => {
  const page = () => ann.open(`${hub.signInUrl}/web/app-notes`)
  t.match((await page()).text, /There are no notes/)
  const put = (name: string, text: string) =>
    hub.api('PUT', `/app-notes/${name}`, {
      kind: 'app_notes',
      version: 'v1',
      metadata: { name },
      spec: { text },
    })
  await put('echo', 'Read-only until <b>Monday</b>')
  await put('private', 'Nothing for ann')
  await put('echo', 'Read-only until <i>Tuesday</i>')
  const listed = await hub.api<{ metadata: { name: string } }[]>('GET', '/app-notes')
  t.strictSame(listed.map(({ metadata }) => metadata.name).sort(), ['echo', 'private'])
  const { text } = await page()
  t.match(text, /Read-only until &lt;i>Tuesday/)
  t.notMatch(text, /Monday|Nothing for ann/)
  await t.rejects(put('none', 'x'), { code: 'app_not_found' })
  await t.rejects(put('echo', ''), { code: 'resource_invalid' })
  t.equal((await ann.fetch(`${hub.url}/v1/webapi/app-notes`)).status, 403, 'administrators only')
  await hub.api('DELETE', '/app-notes/echo')
  t.match((await page()).text, /There are no notes/)
  t.match(await hub.api('GET', '/audit?type=app_notes.deleted'), [{ app: 'echo' }])
})

t.test('pages get a banner, and requests beyond the rate get 429 with the time to wait', async (t) => {
  const open = () => ann.fetch(`${hub.appUrl('pages')}/page`, { headers: { 'accept-encoding': 'gzip' } })
  await ann.open(`${hub.appUrl('pages')}/`)
  const { status, text, headers } = await open()
  t.equal(status, 200)
  t.match(text, /^<html><title>none +<\/title><body class="x"><div role="note">Test &lt;system><\/div>Hello$/)
  t.equal(headers['content-length'], undefined, 'its length is not known in advance')
  t.notMatch(
    (await ann.fetch(`${hub.appUrl('echo')}/page`)).text,
    'role="note"',
    'other applications get none',
  )
  const head = await ann.fetch(`${hub.appUrl('pages')}/page`, { method: 'HEAD' })
  t.match({ status: head.status, length: head.headers['content-length'] }, { status: 200, length: undefined })
  let last = await open()
  for (let tries = 0; tries < 8 && last.status === 200; tries++) last = await open()
  t.match(last, { status: 429, text: /too_many_requests/ })
  t.match(last.text, /At most 4 requests a minute/)
  const wait = Number(last.headers['retry-after'])
  t.ok(wait > 0 && wait <= 60, `${wait} s`)
  t.equal((await ann.fetch(`${hub.appUrl('echo')}/page`)).status, 200, 'other applications have no limit')
  const denials = async () => (await hub.api('GET', '/audit?reason=too_many_requests')) as { app: string }[]
  while ((await denials()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  t.equal((await denials())[0]!.app, 'pages')
})

t.test('U227 a webhook is admitted by its signature, and forwarded once, unchanged', async (t) => {
  const sender = hub.visitor()
  const sign = (body: string) => `sha256=${createHmac('sha256', 'webhook secret').update(body).digest('hex')}`
  const send = (body: string, more: Record<string, string> = {}, path = '/hook') =>
    sender.fetch(hub.appUrl('echo') + path, {
      method: 'POST',
      body,
      headers: { 'x-hub-signature-256': sign(body), 'x-mezite-user': 'admin', ...more },
    })
  heads.length = 0
  t.match(await send('{"a":1}'), { status: 200, text: 'ok' })
  t.strictSame(bodies, ['{"a":1}'])
  const [head] = heads
  t.match(head, {
    'mezite-verified': 'webhook',
    'x-mezite-verified': 'webhook',
    'x-hub-signature-256': sign('{"a":1}'),
  })
  t.strictSame([head?.['x-mezite-user'], head?.['mezite-jwt-assertion']], [undefined, undefined])
  const forged = await send('{"a":2}', { 'x-hub-signature-256': sign('{"a":1}') })
  t.match(forged, { status: 401, text: /verification_failed/ })
  t.equal((await send('x'.repeat(1_048_577))).status, 401, 'too long')
  t.match(await send('{"a":1}', {}, '/other'), { status: 401, text: /login_required/ })
  t.match(await send('{"a":1}', {}, '/hook?x'), { status: 401, text: /login_required/ })
  t.match(await send('{"a":1}', { 'x-service-key': 'no key' }), { status: 401, text: /key_unknown/ })
  t.equal((await send('{"a":1}', { origin: 'https://evil.example.com' })).status, 403)
  t.strictSame(bodies, ['{"a":1}'], 'nothing else has reached the application')
  const { id } = await hub.api<{ id: string }>('POST', '/locks', { target: { app: 'echo' }, ttl_seconds: 60 })
  t.match(await send('{"a":1}'), { status: 403, text: /locked/ })
  await hub.api('DELETE', `/locks/${id}`)
})

t.test('U227 a signed body arrives whole in every framing, once, and as often as it is sent', async (t) => {
  const { host, hostname } = new URL(hub.appUrl('echo'))
  const connect = (ALPNProtocols: string[]) =>
    connectTls({ host: '127.0.0.1', port: hub.ports.public, servername: hostname, ca: hub.ca, ALPNProtocols })
  const sign = (body: string) => `sha256=${createHmac('sha256', 'webhook secret').update(body).digest('hex')}`
  const head = (signed: string, ...lines: readonly string[]) =>
    ['POST /hook HTTP/1.1', `Host: ${host}`, `X-Hub-Signature-256: ${sign(signed)}`, ...lines, '', ''].join(
      '\r\n',
    )
  const chunked = (...chunks: readonly string[]) =>
    chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')
  const CHUNKED = 'Transfer-Encoding: chunked'
  const CLOSE = 'Connection: close'
  /** The statuses of everything on one connection. */
  const statuses = async (text: string) => {
    const socket = connect(['http/1.1'])
    socket.on('error', () => {}).write(text)
    let all = ''
    for await (const chunk of socket) all += chunk
    return [...all.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
  }
  const large = 'x'.repeat(1_048_576)
  bodies.length = 0
  const one = head('{"a":1}', CHUNKED) + chunked('{"a', '":1}', '')
  t.strictSame(await statuses(one + one + head('', 'Content-Length: 0', CLOSE)), [200, 200, 200])
  t.strictSame(bodies.splice(0), ['{"a":1}', '{"a":1}', ''], 'a replay is told apart by the application')
  t.strictSame(await statuses(head(large, CHUNKED, CLOSE) + chunked(large, '')), [200])
  t.ok(bodies.splice(0).join() === large, 'the longest body')
  for (const [what, text] of Object.entries({
    'other bytes': head('{"a":2}', CHUNKED, CLOSE) + chunked('{"a', '":1}', ''),
    'one byte too many': head(`${large}x`, CHUNKED, CLOSE) + chunked(large, 'x', ''),
    trailers: `${head('{"a":1}', CHUNKED, CLOSE)}7\r\n{"a":1}\r\n0\r\nX-Late: 1\r\n\r\n`,
    'a second signature': `${head('{"a":1}', `X-Hub-Signature-256: ${sign('x')}`, 'Content-Length: 7', CLOSE)}{"a":1}`,
  }))
    t.strictSame(await statuses(text), [401], what)

  const waiting = connect(['http/1.1'])
  waiting.on('error', () => {}).write(head('late', 'Content-Length: 4', 'Expect: 100-continue', CLOSE))
  let seen = ''
  for await (const chunk of waiting) {
    if (seen === '') waiting.write('late')
    seen += chunk
  }
  t.match(seen, /^HTTP\/1\.1 100 .*\r\n\r\nHTTP\/1\.1 200 /, 'the hub asks for a body that waits')
  t.strictSame(bodies.splice(0), ['late'])

  const session = connectHttp2(hub.appUrl('echo'), { createConnection: () => connect(['h2']) })
  t.teardown(() => session.destroy())
  const send = async (body: string, signed = body) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/hook',
      'x-hub-signature-256': sign(signed),
    })
    const answered = once(stream, 'response')
    for (let at = 0; at < body.length; at += 100_000) stream.write(body.slice(at, at + 100_000))
    stream.on('error', () => {}).end()
    const [answer] = await answered
    stream.resume()
    return answer[':status']
  }
  t.strictSame(await Promise.all([send('{"b":1}'), send('{"b":2}', '{"b":1}'), send(large)]), [200, 401, 200])
  t.strictSame(new Set(bodies.splice(0)), new Set(['{"b":1}', large]))
  t.equal(await send(`${large}x`), 401)
  t.strictSame(bodies, [])
  const records = (await recorded('type=app.request&app=echo', (event) => 'verified' in event)) as object[]
  t.match(records[0], { user: null, roles: null, session_id: null, verified: 'webhook', path: '/hook' })
})

t.test('a program reaches the applications of its account by a key, under its own name', async (t) => {
  const program = hub.visitor()
  const ask = (more: object = {}, to = 'echo') =>
    program.fetch(`${hub.appUrl(to)}/`, { headers: { 'x-service-key': key, ...more } })
  heads.length = 0
  t.equal((await ask()).status, 200)
  t.match(heads[0], { 'x-mezite-user': 'bot:ci', 'x-mezite-roles': 'reaches' })
  t.equal(heads[0]?.['x-service-key'], undefined, 'S205 the application does not see the key')
  t.match(await recorded('type=app.request&user=bot:ci'), [{ app: 'echo', roles: ['reaches'] }])
  t.match(await ask({}, 'handbook'), { status: 401, text: /session_ended/ }, 'S197 another application')
  const unknown = await ask({ 'x-service-key': 'no key' })
  t.match(unknown, { status: 401, text: /key_unknown/ })
  t.match(unknown.headers['www-authenticate'], /ServiceKey error="invalid_key"/)
  t.match((await program.fetch(`${hub.appUrl('echo')}/`)).headers['www-authenticate'], /ServiceKey/)
  for (const host of ['echo', 'none']) {
    const { text } = await program.fetch(`${hub.appUrl(host)}/.well-known/service-key`)
    t.strictSame(JSON.parse(text), { resource: hub.appUrl(host), header: 'x-service-key' })
  }
  await hub.api('POST', '/locks', { target: { user: 'bot:ci' }, ttl_seconds: 60 })
  t.match(await ask(), { status: 403, text: /locked/ })
})

t.test('an app of a folder is proposed, and opens once somebody has accepted it', async (t) => {
  const spec = { agents: [agent.hostname], names: ['folder-*'], labels: { conform: ['yes'] } }
  const rule = { kind: 'app_source', version: 'v1', metadata: { name: 'folder' }, spec }
  await hub.api('PUT', '/app-sources/folder', rule)
  writeFileSync(join(proposed, 'folder-app.yaml'), `uri: ${address}\nlabels: { conform: yes }\n`)
  writeFileSync(join(proposed, 'echo.yaml'), 'uri: http://127.0.0.1:1\nlabels: { conform: yes }\n')
  const listed = () => hub.api<{ id: string; name: string }[]>('GET', '/app-proposals')
  while ((await listed()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
  t.match(await listed(), [{ name: 'folder-app', uri: address, agent: agent.hostname, state: 'pending' }])
  t.equal((await ann.open(`${hub.appUrl('folder-app')}/`)).status, 404)
  await hub.api('POST', `/app-proposals/${(await listed())[0]!.id}/accept`)
  t.match(await ann.open(`${hub.appUrl('folder-app')}/`), { status: 200, text: 'ok' })
  t.equal((await ann.open(`${hub.appUrl('echo')}/`)).text, 'ok', 'no file takes the name of another app')
})

t.test('a person whom no policy admits takes a role for an hour, with a reason', async (t) => {
  await register(
    'staging',
    { uri: `http://127.0.0.1:${(app.address() as AddressInfo).port}` },
    { conform: 'no' },
  )
  const url = `${hub.appUrl('staging')}/deep?x=1`
  t.notMatch((await ann.open(url)).text, /Open it for a time/, 'without the label')
  const labels = { conform: 'no', offered: 'yes' }
  await hub.api('PUT', '/roles/oncall', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'oncall' },
    spec: { allow: { app_labels: { offered: 'yes' } } },
  })
  await register('staging', { uri: `http://127.0.0.1:${(app.address() as AddressInfo).port}` }, labels)
  t.notMatch((await ann.open(`${hub.appUrl('private')}/`)).text, /Open it for a time/)
  const page = await ann.open(url)
  t.match(page, { status: 403, text: /<h2>Open it for a time<\/h2>/ })
  const fields = Object.fromEntries(
    [...page.text.matchAll(/name="(app|url)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  )
  t.strictSame(fields, { app: 'staging', url })
  const path = `${hub.signInUrl}/web/self-service`
  const post = (body: object, origin = hub.signInUrl) => {
    const headers = { origin, 'content-type': 'application/x-www-form-urlencoded' }
    return ann.fetch(path, { method: 'POST', headers, body: new URLSearchParams({ ...body }).toString() })
  }
  t.equal((await post({ ...fields, reason: 'x' }, hub.appUrl('staging'))).status, 403, 'from another page')
  t.equal((await post({ ...fields, reason: '' })).status, 400)
  t.match(await post({ app: 'private', url, reason: 'x' }), { status: 403, text: /not_offered/ })
  const other = await post({ ...fields, url: 'https://evil.example.com/', reason: 'TICKET-7' })
  t.match(other, { status: 303, headers: { location: `${hub.appUrl('staging')}/` } })
  t.equal((await post({ ...fields, reason: 'TICKET-8' })).headers.location, url)
  heads.length = 0
  t.match(await ann.open(url), { status: 200, text: 'ok' })
  t.match(heads[0], { 'x-mezite-roles': 'oncall,reaches' })
  const started = await hub.api<{ grant_id: string }[]>('GET', '/audit?type=grant.started')
  t.match(
    started.map(({ grant_id: _, ...event }) => event),
    [{ justification: 'TICKET-7' }, { justification: 'TICKET-8', role: 'oncall', user: 'ann@example.com' }],
  )
  const ids = started.map(({ grant_id }) => grant_id)
  t.match(await recorded('type=app.request&app=staging'), [
    { roles: ['oncall', 'reaches'], grant_id: ids.join(',') },
  ])
})
