// together: hubs
/** An app with several hosts: aliases and wildcards lead to it, each with a session of its own, and to no other app. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestAgent, createTestHub, FakeIssuer, Visitor } from '@mezite/core/testing'
import t from 'tap'
import { systemClock } from '../../core/kernel/clock.ts'
import { developmentCertificate, developmentFiles } from '../../core/program/parts/development-certificate.ts'
import { connect, register } from '../e2e/resources.ts'
import { startHttpApp } from '../e2e/start-http-app.ts'

const HUB = 'hub.mezite.localhost'
const DOMAIN = 'apps.mezite.localhost'
const dir = mkdtempSync(join(tmpdir(), 'mezite-hosts-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const names = [HUB, `*.${DOMAIN}`, `*.preview.${DOMAIN}`, `*.lab.${DOMAIN}`, `*.b.preview.${DOMAIN}`]
await developmentCertificate(dir, names, systemClock)
const ca = readFileSync(join(dir, developmentFiles.ca), 'utf8')

const issuer = await FakeIssuer.start()
t.teardown(() => issuer.close())
const keypair = { cert_file: join(dir, developmentFiles.cert), key_file: join(dir, developmentFiles.key) }
const hub = await createTestHub({ config: { proxy: { https_keypair: keypair } } })
t.teardown(() => hub.stop())
const agent = await createTestAgent({ api: hub.api, url: hub.url }, { ca } as object)
t.teardown(() => agent.stop())
await connect(hub.api, issuer)
const suffix = `:${hub.ports.public}`
const at = (host: string, path = '/') => `https://${host}.${DOMAIN}${suffix}${path}`
const port = await startHttpApp(t, ({ headers, url }, response) => {
  if (url === '/leave') response.setHeader('location', `http://${headers.host}/left`)
  response.writeHead(url === '/leave' ? 302 : 200).end(`${headers.host} for ${headers['x-mezite-user']}`)
})
const studio = { agents: [agent.hostname], aliases: [`studio-files.${DOMAIN}`, `*.preview.${DOMAIN}`] }
await register(hub.api, 'studio', port, studio)

const appSessions = async (app: string) =>
  (await hub.api<{ app: string | null; kind: string }[]>('GET', '/sessions')).filter((one) => one.app === app)
    .length

t.test('each host leads to the app, with one sign-in and a session of its own', async (t) => {
  const visitor = new Visitor(ca)
  // A launch opens the hosts that the document names, and a wildcard's own ones are opened when they are visited.
  for (const [host, sessions] of [
    ['studio', 2],
    ['studio-files', 2],
    ['pr-7.preview', 3],
    ['pr-8.preview', 4],
  ] as const) {
    const page = await visitor.open(at(host, '/page?q=1'))
    t.equal(page.url, at(host, '/page?q=1'), 'back at the host that was asked for')
    t.equal(page.text, `${host}.${DOMAIN}${suffix} for alice@example.com`, 'and the app learns which')
    t.equal(await appSessions('studio'), sessions, host)
  }
  t.equal(issuer.authorizations.length, 1)
  t.not(visitor.cookies(`studio.${DOMAIN}${suffix}`), visitor.cookies(`pr-7.preview.${DOMAIN}${suffix}`))
  const { headers } = await visitor.fetch(at('pr-7.preview', '/leave'))
  t.equal(
    headers.location,
    at('pr-7.preview', '/left'),
    'addresses of the app become the public ones of this host',
  )
  t.equal((await visitor.open(at('a.b.preview'))).status, 404, 'a wildcard covers one label')
  t.equal((await visitor.open(at('preview'))).status, 404, 'and not its own name')
})

t.test('pages of one host call another only where the app lists it', async (t) => {
  const visitor = new Visitor(ca)
  await visitor.open(at('studio'))
  const from = (host: string, ask: object = {}) =>
    visitor.fetch(at('studio'), {
      method: 'POST',
      headers: { origin: at(host).slice(0, -1), 'sec-fetch-site': 'same-site' },
      ...ask,
    })
  t.equal((await from('pr-7.preview')).status, 403, 'hosts of an app do not trust each other by themselves')
  const wildcard = `https://*.preview.${DOMAIN}${suffix}`
  await register(hub.api, 'studio', port, { ...studio, origins: [wildcard] })
  await visitor.open(at('studio'))
  t.equal((await from('pr-7.preview')).status, 200)
  t.equal((await from('a.b.preview')).status, 403)
  t.equal((await from('preview')).status, 403)
  t.equal((await from('lab')).status, 403)
  for (const origin of [`https://*.lab.${DOMAIN}${suffix}`, `https://*.${DOMAIN}${suffix}`, 'https://*'])
    await t.rejects(
      register(hub.api, 'studio', port, { ...studio, origins: [origin] }),
      { message: /origins.*or a wildcard of aliases/ },
      origin,
    )
})

t.test('nobody takes a host of the hub or of another app, nor shadows one by a wildcard', async (t) => {
  await register(hub.api, 'notes', port, { public_addr: `notes.lab.${DOMAIN}` })
  for (const [spec, message] of [
    [{ aliases: [`studio.${DOMAIN}`] }, /taken by the app studio/],
    [{ aliases: [`STUDIO-files.${DOMAIN}`] }, /taken by the app studio/],
    [{ aliases: [`pr-9.preview.${DOMAIN}`] }, /taken by the app studio/],
    [{ public_addr: `pr-9.preview.${DOMAIN}` }, /taken by the app studio/],
    [{ aliases: [`*.preview.${DOMAIN}`] }, /taken by the app studio/],
    [{ aliases: [`*.lab.${DOMAIN}`] }, /taken by the app notes/],
    [{ aliases: [`*.${DOMAIN}`] }, /would cover every app/],
    [{ aliases: ['*.mezite.localhost'] }, /must not cover the hub's own host/],
    [{ aliases: [HUB] }, /must be below/],
    [{ aliases: ['*'] }, /must not be a wildcard/],
    [{ aliases: [`x.*.${DOMAIN}`] }, /must not be a wildcard/],
    [{ aliases: [`x*.${DOMAIN}`] }, /must not be a wildcard/],
    [{ aliases: [`x.${DOMAIN}.`] }, /must not end with a dot/],
    [{ aliases: [`x.${DOMAIN}:8443`] }, /without scheme and port/],
    [{ aliases: [`ü.${DOMAIN}`] }, /IDN in its xn-- form/],
    [{ aliases: [`deep.er.${DOMAIN}`] }, /aliases.*not covered by the certificate/],
  ] as const)
    await t.rejects(register(hub.api, 'thief', port, spec), { message }, JSON.stringify(spec))
  await t.rejects(register(hub.api, 'studio', port, { ...studio, aliases: [`notes.lab.${DOMAIN}`] }), {
    code: 'public_addr_taken',
  })
})

t.test('an alias that vanishes ends the sessions, and its host may become that of another app', async (t) => {
  const visitor = new Visitor(ca)
  t.equal((await visitor.open(at('studio-files'))).status, 200)
  await register(hub.api, 'studio', port, { ...studio, aliases: [`*.preview.${DOMAIN}`] })
  t.equal(await appSessions('studio'), 0)
  t.equal((await visitor.open(at('studio-files'))).status, 404)
  await register(hub.api, 'files', port, { public_addr: `studio-files.${DOMAIN}`, agents: [agent.hostname] })
  const answer = await visitor.fetch(at('studio-files'), { headers: { accept: 'application/json' } })
  t.equal(answer.status, 401, 'the cookie of the app before opens nothing')
})

t.test(
  'a launch opens the sessions of the apps that a page calls, as far as the person may open them',
  async (t) => {
    const agents = [agent.hostname]
    await register(hub.api, 'api', port, { agents })
    await register(hub.api, 'closed', port, { agents })
    await register(hub.api, 'disabled', port, { agents, enabled: false })
    const page = { agents, required_apps: ['closed', 'api', 'missing'] }
    await register(hub.api, 'page', port, page)
    t.match(await hub.api('GET', '/apps/page'), { spec: { required_apps: page.required_apps } })
    await hub.api('POST', '/locks', { target: { app: 'closed' } })
    const visitor = new Visitor(ca)
    const opened = await visitor.open(at('page', '/deep?q=1'))
    t.equal(opened.url, at('page', '/deep?q=1'))
    t.equal(opened.status, 200)
    t.equal((await visitor.fetch(at('api'))).status, 200, 'its session is open')
    t.equal(await appSessions('closed'), 0)
    t.equal((await visitor.open(at('page'))).url, at('page'), 'a second visit leads nowhere else')

    await register(hub.api, 'api', port, { agents, required_apps: ['page'] })
    t.equal((await new Visitor(ca).open(at('api'))).status, 200, 'two apps may require each other')

    const open = (host: string, query: string) => visitor.fetch(at(host, `/.mezite/open?${query}`))
    const mine = `host=page.${DOMAIN}`
    t.equal(
      (await open('api', `${mine}&path=/x&at=2`)).headers.location,
      at('page', '/x'),
      'back where it began',
    )
    for (const query of [
      `${mine}&path=/x&at=1`,
      `${mine}&path=/x&at=0`,
      `${mine}&path=/x&at=9`,
      `${mine}&path=/x&at=-1`,
      `${mine}&path=//evil.example&at=2`,
      `${mine}&path=https://evil.example&at=2`,
      `host=evil.example&path=/x&at=1`,
      `host=studio.${DOMAIN}&path=/x&at=1`,
      '',
    ])
      t.equal((await open('api', query)).status, 404, `it leads to no other place: ${query}`)
  },
)
