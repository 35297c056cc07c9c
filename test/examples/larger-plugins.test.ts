// in: test/packaging/packages.test.ts
/** Larger examples, in one hub with an agent. `test/packaging/packages.test.ts` runs it from packed packages. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import {
  conformMigrations,
  conformPlugin,
  conformPolicy,
  conformProtocol,
  conformSignIn,
  createTestHost,
  openProtocolBench,
  type ProtocolVisit,
  programLogin,
  testQuery,
  testTarget,
} from '@mezite/core/testing'
import t from 'tap'
import approvals from '../../examples/approvals/hub.ts'
import geoPolicy from '../../examples/geo-policy/hub.ts'
import magicLink from '../../examples/magic-link/hub.ts'
import s3Agent from '../../examples/s3-browser/agent.ts'
import s3Hub from '../../examples/s3-browser/hub.ts'
import { signedHeaders } from '../../examples/s3-browser/signature.ts'
import socksNetwork from '../../examples/socks-network/hub.ts'

const folder = mkdtempSync(join(tmpdir(), 'mezite-examples-'))
const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port
async function listen<S extends Server>(server: S): Promise<S> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await done()); await new Promise((go) => setTimeout(go, 10)))
    if (Date.now() > end) throw new Error('it did not happen')
}

/** An SMTP server (RFC 5321) that keeps the last mail to each address. */
const mails = new Map<string, string>()
const smtp = await listen(
  createTcpServer((socket) => {
    let to = ''
    let mail: string | null = null
    let rest = ''
    socket.on('error', () => {}).setEncoding('utf8')
    socket.write('220 test\r\n')
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\r\n')
      rest = lines.pop()!
      for (const line of lines) {
        if (mail !== null && line !== '.') mail += `${line}\n`
        else if (mail !== null) {
          mails.set(to, mail.replaceAll('=\n', '').replaceAll('=3D', '='))
          mail = null
          socket.write('250 kept\r\n')
        } else {
          to = /^RCPT TO:<(.+)>/i.exec(line)?.[1] ?? to
          if (line === 'DATA') mail = ''
          socket.write(line === 'DATA' ? '354 go on\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 ok\r\n')
        }
      }
    })
  }),
)

/** A bucket `papers` with two objects and a folder. */
const objects = new Map([
  ['a b&c.txt', 'first'],
  ['sub/deep.html', '<script>alert(1)</script>'],
])
const authorizations: string[] = []
const s3 = await listen(
  createServer((request, response) => {
    authorizations.push(request.headers.authorization ?? '')
    const { pathname, searchParams } = new URL(request.url!, 'http://s3')
    if (pathname !== '/papers') {
      const body = objects.get(decodeURIComponent(pathname.slice('/papers/'.length)))
      return void response.writeHead(body === undefined ? 404 : 200).end(body)
    }
    const prefix = searchParams.get('prefix')!
    const inside = [...objects.keys()].filter((key) => key.startsWith(prefix))
    const keys = inside.filter((key) => !key.slice(prefix.length).includes('/'))
    const folders = inside.filter((key) => key.slice(prefix.length).includes('/'))
    const texts = [
      ...keys.map(
        (key) => `<Contents><Key>${encodeURIComponent(key).replaceAll('%20', '+')}</Key></Contents>`,
      ),
      ...folders.map((key) => `<CommonPrefixes><Prefix>${key.split('/')[0]}/</Prefix></CommonPrefixes>`),
    ]
    response.end(`<ListBucketResult>${texts.join('')}</ListBucketResult>`)
  }),
)

const web = await listen(createServer((_request, response) => void response.end('ok')))
const table = join(folder, 'countries.csv')
writeFileSync(table, '# network,country\n127.0.0.0/8,DE\n203.0.113.0/24,FR\n2001:db8::/32,FR\n')
process.env.EXAMPLE_S3_KEY = 'a secret key'
const buckets = {
  papers: {
    ...{ endpoint: `http://127.0.0.1:${portOf(s3)}`, access_key: 'AKID' },
    secret_key: { env: 'EXAMPLE_S3_KEY' },
  },
}
const mail = {
  ...{ smtp: `smtp://127.0.0.1:${portOf(smtp)}`, from: 'hub@example.com', pause: '1ms' },
  people: { 'eve@example.com': ['reaches'], 'ann@example.com': ['reaches'] },
}
const requests = { role: 'helper', approvers: 'lead', for: '1h' }
const bench = await openProtocolBench(
  [
    { plugin: geoPolicy, config: { table } },
    { plugin: magicLink, config: mail },
    { plugin: approvals, config: requests },
    ...[{ plugin: s3Hub }, { plugin: socksNetwork }],
  ],
  [{ plugin: s3Agent, config: { buckets } }],
)
const { hub, agent } = bench
t.teardown(async () => {
  await bench.close()
  for (const server of [smtp, s3, web]) server.close()
  rmSync(folder, { recursive: true })
})
const register = (name: string, spec: object, labels: object = { conform: 'yes' }) =>
  hub.api('PUT', `/apps/${name}`, {
    ...{ kind: 'app', version: 'v1', metadata: { name, labels } },
    spec: { ...spec, agents: [agent.hostname] },
  })
const ann = await bench.person('ann', ['reaches'])

t.test('they keep the rules of plugins', async (t) => {
  conformPlugin(t, geoPolicy, { config: { table }, refused: [{}, { table: 'relative' }] })
  const parts = { database: {}, pages: {}, publicNames: {} }
  conformPlugin(t, magicLink, { config: mail, use: { ...parts, users: {} }, refused: [{}] })
  const more = { catalog: {}, grants: {}, notifications: {}, revisions: {} }
  conformPlugin(t, approvals, { config: requests, use: { ...parts, ...more }, refused: [{}] })
  conformPlugin(t, s3Hub)
  conformPlugin(t, s3Agent, { config: { buckets }, refused: [{}, { buckets: { papers: {} } }] })
  conformPlugin(t, socksNetwork, { use: { access: {}, audit: {}, catalog: {}, tunnel: {} } })
})

t.test('geo-policy opens applications to the countries of their documents', async (t) => {
  const rule = (...countries: string[]) => ({ plugins: { 'geo-policy': { countries } } })
  const queries = [
    ['203.0.113.7', 'FR'],
    ['198.51.100.1', 'FR'],
  ].map(([clientIp, one]) => testQuery({ app: rule(one!), context: { clientIp: clientIp! } }))
  conformPolicy(t, geoPolicy, { config: { table }, queries })
  const host = createTestHost(geoPolicy, { config: { table } })
  await host.start()
  const denied = (clientIp: string | null, app = rule('FR')) => {
    const heard: string[] = []
    const ballot = {
      allow: () => {},
      require: () => {},
      rule: () => {},
      byRequest: () => {},
      deny: (reason: string) => void heard.push(reason),
    }
    host.calls.access.decide(testQuery({ app, context: { clientIp } }), () => ballot)
    return heard.length > 0
  }
  const addresses = ['203.0.113.7', '2001:db8::1', '127.0.0.1', '198.51.100.1', '::1', 'nonsense', null]
  t.strictSame(
    addresses.map((address) => denied(address)),
    [false, false, true, true, true, true, false],
  )
  t.notOk(denied('127.0.0.1', rule('FR', 'DE')))
  t.notOk(denied('127.0.0.1', { plugins: {} } as never))
  writeFileSync(join(folder, 'wrong.csv'), '10.0.0.0/33,DE\n')
  const wrong = createTestHost(geoPolicy, { config: { table: join(folder, 'wrong.csv') } })
  await t.rejects(wrong.start(), /line 1 of .* is not NETWORK,COUNTRY/)

  const uri = `http://127.0.0.1:${portOf(web)}`
  await register('home', { uri, ...rule('DE') })
  await register('away', { uri, ...rule('FR') })
  t.equal((await ann.open(`${hub.appUrl('home')}/`)).text, 'ok')
  t.match(await ann.open(`${hub.appUrl('away')}/`), { status: 403, text: /away is open in FR only/ })
})

t.test('magic-link signs in the browser that asked for the link', async (t) => {
  const use = { database: {}, pages: {}, publicNames: {}, users: {} }
  conformMigrations(t, magicLink, { config: mail, use })
  const ask = async (visit: { visitor: typeof ann; url: string }, address: string) => {
    mails.delete(address.toLowerCase())
    return visit.visitor.submit(await visit.visitor.open(visit.url), /magic-link/, { address })
  }
  const linkOf = async (address: string) => {
    await until(() => mails.has(address))
    return /https:\S+/.exec(mails.get(address)!)![0]
  }
  conformSignIn(t, magicLink, {
    ...{ hub, choice: 'email', user: 'eve@example.com' },
    async signIn(visit) {
      await ask(visit, 'Eve@example.com')
      return visit.visitor.open(await linkOf('eve@example.com'))
    },
    fail: (visit) => ask(visit, 'nobody@example.com'),
  })
})

t.test('approvals lets one person ask and another approve a role for one application', async (t) => {
  await hub.api('PUT', '/roles/helper', {
    ...{ kind: 'role', version: 'v1', metadata: { name: 'helper' } },
    spec: { allow: { app_labels: { team: 'ops' } } },
  })
  const uri = `http://127.0.0.1:${portOf(web)}`
  await register('tickets', { uri }, { team: 'ops' })
  await register('other', { uri }, { team: 'ops' })
  const lead = await bench.person('lead', ['reaches'])
  await hub.api('PATCH', '/users/lead@example.com', { roles: ['lead'] })
  const path = `${hub.signInUrl}/web/approvals`
  const denied = await ann.open(`${hub.appUrl('tickets')}/`)
  t.match(denied, { status: 403, text: /Ask a colleague/ })
  t.equal((await ann.submit(denied, /approvals/, { reason: 'TICKET-9' })).status, 200)
  t.equal((await ann.submit(denied, /approvals/, { reason: 'again' })).status, 200)
  t.equal((await ann.open(path)).status, 403, 'not for everybody')
  const page = await lead.open(path)
  t.match(page.text, /ann@example\.com.*tickets.*TICKET-9/s)
  t.notMatch(page.text, 'again')
  t.equal((await ann.submit({ ...page }, /approvals\//, { answer: 'approve' })).status, 403)
  t.match(await lead.submit(page, /approvals\//, { answer: 'approve' }), {
    status: 200,
    text: /Nobody asks/,
  })
  t.equal((await lead.submit(page, /approvals\//, { answer: 'approve' })).status, 404, 'once')
  t.equal((await ann.open(`${hub.appUrl('tickets')}/`)).text, 'ok')
  t.equal((await ann.open(`${hub.appUrl('other')}/`)).status, 403)
  t.match(await hub.api('GET', '/audit?type=grant.started'), [
    { user: 'lead@example.com', justification: 'TICKET-9' },
  ])

  const own = await lead.open(`${hub.appUrl('other')}/`)
  await lead.submit(own, /approvals/, { reason: 'for me' })
  t.match(await lead.submit(await lead.open(path), /approvals\//, { answer: 'approve' }), {
    ...{ status: 403, text: /own_request/ },
  })
})

t.test('s3-browser shows folders and downloads objects of buckets that the agent names', async (t) => {
  // The examples of "Authenticating Requests: Using the Authorization Header" in the reference of Amazon S3.
  const signer = {
    region: 'us-east-1',
    access_key: 'AKIAIOSFODNN7EXAMPLE',
    secret_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }
  const request = { host: 'examplebucket.s3.amazonaws.com', now: Date.UTC(2013, 4, 24) }
  t.match(
    signedHeaders(signer, { ...request, path: '/test.txt', headers: { range: 'bytes=0-9' } }).authorization,
    /=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/,
  )
  t.match(
    signedHeaders(signer, { ...request, path: '/', query: { prefix: 'J', 'max-keys': '2' } }).authorization,
    /=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7$/,
  )
  await register('papers', { uri: 's3://papers:443', protocol: 's3-browser' })
  const open = (path: string) => ann.open(hub.appUrl('papers') + path)
  const { text } = await open('/')
  t.match(text, '<a href="/a%20b%26c.txt">a b&amp;c.txt</a>')
  t.match(text, '<a href="/sub/">sub/</a>')
  t.match((await open('/sub/')).text, '<a href="/sub/deep.html">deep.html</a>')
  t.equal((await open('/a%20b%26c.txt')).text, 'first')
  t.match((await open('/sub/deep.html')).headers, { 'content-disposition': 'attachment' })
  t.equal((await open('/none')).status, 404)
  t.ok(authorizations.every((one) => one.startsWith('AWS4-HMAC-SHA256 Credential=AKID/')))
  const { calls } = createTestHost<'agent'>(s3Agent, { config: { buckets } })
  t.equal(await calls.dial.open(testTarget('web', 'http://papers:80')), null)
  await t.rejects(calls.dial.open(testTarget('x', 's3://none:443')), { cause: { reason: 'bucket_unknown' } })
})

t.test('socks-network reaches the targets that agents allow, and nothing else', async (t) => {
  let echo = 0
  const dial = async ({ hub, app, visitor }: ProtocolVisit, port = echo, host = '127.0.0.1') => {
    const token = visitor === null ? 'nobody' : (await programLogin(hub, {}, visitor)).token
    const socket = connect({
      ...{ host: '127.0.0.1', port: hub.ports.public, servername: new URL(hub.url).hostname },
      ...{ ALPNProtocols: ['socks-network/1'], rejectUnauthorized: false },
    })
    await once(socket, 'secureConnect')
    const text = (value: string) => [value.length, ...Buffer.from(value)]
    socket.write(Buffer.from([5, 1, 2]))
    await read(socket, 2)
    socket.write(Buffer.from([1, ...text(app), ...text(token)]))
    if ((await read(socket, 2))[1] !== 0) throw new Error('the password is wrong')
    socket.write(Buffer.from([5, 1, 0, 3, ...text(host), port >> 8, port & 255]))
    const [, code] = await read(socket, 10)
    if (code !== 0) throw new Error(`reply ${code}`)
    return socket
  }
  conformProtocol(t, {
    ...{ kind: 'socks-network', alpn: 'socks-network/1', bench: { ...bench, shared: true } },
    uri(port) {
      echo = port
      return `tcp://127.0.0.1:${port}`
    },
    connect: dial,
    target: (visit, host, port) => dial(visit, port, host),
  })
})

/** Exactly `bytes` bytes; rejects when the socket ends before. */
async function read(socket: TLSSocket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk = socket.read(bytes) as Buffer | null
    if (chunk?.length === bytes) return chunk
    if (chunk !== null || socket.readableEnded) throw new Error('the hub has closed the connection')
    await Promise.race([once(socket, 'readable'), once(socket, 'end')])
  }
}
