// in: test/packaging/packages.test.ts
/** Examples that tap the hooks which no plugin of the standard set needs. */

import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json, text as textOf } from 'node:stream/consumers'
import type { AuditEvent, Notification } from '@mezite/core'
import { appSources, auditSinks, certificates, signInMethods } from '@mezite/core'
import {
  conformAppSource,
  conformCertificates,
  conformJob,
  conformPlugin,
  createTestHost,
  testCertificate,
  testJobs,
} from '@mezite/core/testing'
import t from 'tap'
import type { Link } from '../../core/api/tunnel.ts'
import agentHalf from '../../examples/agent-alerts/agent.ts'
import alerts from '../../examples/agent-alerts/hub.ts'
import appFolder from '../../examples/app-folder/agent.ts'
import certificateFolder from '../../examples/certificate-folder/hub.ts'
import dailyReport from '../../examples/daily-report/hub.ts'
import lineProtocol from '../../examples/line-protocol/hub.ts'
import passwordSignIn from '../../examples/password-sign-in/hub.ts'
import webhookSink from '../../examples/webhook-sink/hub.ts'

const secretEnv = (t: { teardown(run: () => unknown): void }) => {
  process.env.EXAMPLE_SECRET = 'correct horse'
  t.teardown(() => delete process.env.EXAMPLE_SECRET)
  return { env: 'EXAMPLE_SECRET' }
}

t.test('they keep the rules of plugins', async (t) => {
  conformPlugin(t, alerts, { config: { url: 'http://127.0.0.1:1' }, refused: [{}, { url: 'ftp://x' }] })
  conformPlugin(t, agentHalf, { config: { file: '/run/x' }, refused: [{}] })
  conformPlugin(t, appFolder, { config: { folder: '/none' }, refused: [{}, { folder: 'relative' }] })
  const stands = { catalog: {}, notifications: {}, sessions: {}, users: {} }
  conformPlugin(t, dailyReport, { use: { ...stands, jobs: testJobs() }, refused: [{ every: '1m' }] })
  const folder = { folder: '/none', hosts: ['a.test'] }
  conformPlugin(t, certificateFolder, { config: folder, refused: [{ ...folder, folder: 'relative' }, {}] })
})

t.test('certificate-folder serves the files in its folder, and keeps the last good ones', async (t) => {
  // The suite runs beside the rest of the test, so it has a folder of its own.
  const folder = join(t.testdir({ suite: {}, changes: {} }), 'changes')
  const suiteFolder = join(folder, '../suite')
  const hosts = ['hub.test', 'wiki.apps.test', 'late.apps.test']
  const write = async (host: string, ...folders: readonly string[]) => {
    const { cert, key } = await testCertificate([host])
    for (const one of folders) {
      writeFileSync(join(one, `${host}.pem`), cert)
      writeFileSync(join(one, `${host}.key`), key)
    }
    return cert
  }
  for (const host of hosts.slice(0, 2)) await write(host, folder, suiteFolder)
  const open = async (folder: string) => {
    const host = createTestHost(certificateFolder, { config: { folder, hosts, interval: '100ms' } })
    const [source] = host.slot(certificates)
    t.ok(source!.covers('hub.test'), 'also before the start')
    await host.start()
    return { source: source!, ready: hosts.slice(0, 2), waiting: ['late.apps.test'], close: host.stop }
  }
  conformCertificates(t, () => open(suiteFolder))

  const { source, close } = await open(folder)
  t.teardown(close)
  const served = (host: string) => source.certificateFor(host)?.cert ?? null
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const [, , late] = source.states()
  t.match(late, { subject: 'late.apps.test', expires: null, problem: /ENOENT/ })
  const first = await write('late.apps.test', folder)
  await until(() => served('late.apps.test') === first)
  rmSync(join(folder, 'late.apps.test.key'))
  await until(() => source.states()[2]!.problem !== null)
  t.equal(served('late.apps.test'), first)
  const next = await write('late.apps.test', folder)
  await until(() => served('late.apps.test') === next)
  t.equal(source.states()[2]!.problem, null)
})

t.test('app-folder proposes an app for each file, also while one cannot be read', async (t) => {
  const folder = t.testdir()
  let folders = 0
  conformAppSource(t, async () => {
    const own = join(folder, String(++folders))
    mkdirSync(own)
    const write = (name: string, text: string) => writeFileSync(join(own, `${name}.yaml`), text)
    write('shop-cart', 'uri: http://127.0.0.1:3000\nlabels: { env: test }\n')
    write('broken', 'uri: [')
    write('long', `uri: ${'x'.repeat(16 * 1024)}`)
    const { slot } = createTestHost<'agent'>(appFolder, { config: { folder: own, interval: '100ms' } })
    return {
      source: slot(appSources)[0]!,
      expected: ['shop-cart'],
      async change() {
        write('shop-pay', 'uri: tcp://127.0.0.1:3001')
        rmSync(join(own, 'shop-cart.yaml'))
        return ['shop-pay']
      },
      async close() {},
    }
  })
})

t.test('daily-report sends one notification a day, however often it runs', async (t) => {
  const open = () => {
    const sent: Notification[] = []
    const jobs = testJobs()
    const use = {
      jobs,
      catalog: {
        list: () => [
          { name: 'wiki', enabled: true },
          { name: 'old', enabled: false },
        ],
      },
      users: { list: () => ['ann'] },
      sessions: { list: () => [] },
      notifications: { send: async (one: Notification) => void sent.push(one) },
    }
    const host = createTestHost(dailyReport, { use })
    return { ...host, sent, jobs, job: jobs.list[0]!, close: host.stop }
  }
  conformJob(t, async () => open())
  const { sent, jobs, clock } = open()
  t.match(await jobs.run('daily-report'), /^reported for \d{4}-/)
  await jobs.run('daily-report')
  clock.advance(24 * 3_600_000)
  await jobs.run('daily-report')
  t.match(sent[0], { kind: 'report', text: '1 people, 0 sessions\n2 applications\nSwitched off: old' })
  t.equal(new Set(sent.map(({ key }) => key)).size, 2, 'a repetition has the key of the first')
})

t.test('agent-alerts posts its events, and drains only when everything is posted', async (t) => {
  const received: unknown[] = []
  const server = createServer(async (request, response) => {
    received.push(await json(request))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const host = createTestHost(alerts, { config: { url: `http://127.0.0.1:${port}` } })
  await host.calls.lifecycle.ready()
  host.calls.tunnel.changed({ hostname: 'node-1', connected: true, reason: null })
  host.calls.tunnel.changed({ hostname: 'node-1', connected: false, reason: 'connection_lost' })
  await host.calls.lifecycle.drain(AbortSignal.timeout(10_000))
  const events = received.map((each) => (each as { event: string }).event).sort()
  t.strictSame(events, ['agent_connected', 'agent_lost', 'hub_ready'])
  t.match(
    received.find((each) => (each as { event: string }).event === 'agent_lost'),
    { agent: 'node-1', reason: 'connection_lost', time: /^\d{4}-/ },
  )
  const deaf = createTestHost(alerts, { config: { url: 'http://127.0.0.1:1' } })
  await deaf.calls.lifecycle.ready()
  await deaf.calls.lifecycle.drain(AbortSignal.timeout(10_000))
  t.match(deaf.log.join(), /webhook did not accept/)
})

t.test('agent-alerts keeps its file while a link is up', async (t) => {
  const file = join(t.testdir(), 'connected')
  const host = createTestHost<'agent'>(agentHalf, { config: { file } })
  const changed = (instance: string, connected: boolean) =>
    host.calls.link.changed({ instance, connected, reason: null })
  changed('one', true)
  changed('two', true)
  changed('one', false)
  t.ok(existsSync(file))
  changed('two', false)
  t.notOk(existsSync(file))
  changed('one', true)
  await host.start()
  await host.stop()
  t.notOk(existsSync(file), 'not after a stop')
})

t.test('line-protocol chooses the agents that it prefers while one is connected', async (t) => {
  const use = { access: {}, audit: {}, catalog: {}, tunnel: {} }
  const { calls } = createTestHost(lineProtocol, { config: { prefer: ['near'] }, use })
  const links = ['far', 'near', 'unknown'].map((hostname) => ({ hostname })) as unknown as Link[]
  const route = (from: readonly Link[], protocol = 'line-protocol') =>
    calls.tunnel.route(from, { protocol } as never).map(({ hostname }) => hostname)
  t.strictSame(route(links), ['near'])
  t.strictSame(route([links[0]!, links[2]!]), ['far', 'unknown'])
  t.strictSame(route(links, 'http'), ['far', 'near', 'unknown'], 'other kinds of application')
})

t.test('webhook-sink shortens addresses and nothing else', async (t) => {
  const config = { url: 'http://127.0.0.1:1', secret: secretEnv(t), shorten_addresses: true }
  const { calls } = createTestHost(webhookSink, { config })
  const addresses = [
    ['203.0.113.7', '203.0.113.0'],
    ['2001:db8:1:2::3', '2001:db8:1::'],
    ['2001:db8::3', '2001:db8::'],
    ['::1', '::'],
  ]
  for (const [given, wanted] of addresses)
    t.match(calls.audit.event({ client_ip: given, user: 'ann' } as unknown as AuditEvent, undefined), {
      client_ip: wanted,
      user: 'ann',
    })
  t.match(calls.audit.event({ client_ip: null } as unknown as AuditEvent, undefined), { client_ip: null })
})

t.test(
  'webhook-sink posts each batch with its number and signature, and fails when the webhook does',
  async (t) => {
    const received: { lines: string; batch: unknown; signature: unknown }[] = []
    let status = 204
    const server = createServer(async (request, response) => {
      const { 'mezite-batch': batch, 'mezite-signature': signature } = request.headers
      received.push({ lines: await textOf(request), batch, signature })
      response.writeHead(status).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const [sink] = createTestHost(webhookSink, { config: { url, secret: secretEnv(t) } }).slot(auditSinks)
    await sink!.write('{"id":"1"}\n', 7)
    const signature = createHmac('sha256', 'correct horse').update('7\n{"id":"1"}\n').digest('hex')
    t.strictSame(received, [{ lines: '{"id":"1"}\n', batch: '7', signature }])
    status = 503
    await t.rejects(sink!.write('{"id":"2"}\n', 8), /status 503/)
  },
)

t.test('password-sign-in signs in a person with the right password, and asks everybody else', async (t) => {
  const people = [{ name: 'ann', password: secretEnv(t), roles: ['access'] }]
  t.throws(() => createTestHost(passwordSignIn, { config: { people: [...people, ...people] }, use: {} }), {
    code: 'MEZ_CONFIG_INVALID',
  })
  const signedIn: unknown[] = []
  const use = {
    users: { signIn: async (input: object) => input },
    signInDesk: { complete: async (...[, , input]: unknown[]) => void signedIn.push(input) },
  }
  const [method] = createTestHost(passwordSignIn, { config: { people }, use }).slot(signInMethods)
  const sent: unknown[] = []
  const code = (status: number) => {
    sent.push(status)
    return reply
  }
  const reply = { code, header: () => reply, send: () => reply }
  const attempt = (authorization?: string) =>
    method!.begin({ headers: { authorization } } as never, reply as never, { choice: 'password', state: 's' })
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  for (const wrong of [undefined, basic('ann:wrong'), basic('bob:correct horse'), basic('ann'), 'Bearer x'])
    await attempt(wrong)
  t.strictSame(sent, [401, 401, 401, 401, 401])
  t.strictSame(signedIn, [])
  await attempt(basic('ann:correct horse'))
  t.match(signedIn, [{ user: { name: 'ann', mappedRoles: ['access'] }, method: 'password', state: 's' }])
})
