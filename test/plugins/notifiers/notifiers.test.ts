// together: plugin-hubs
/** Each notifier against a real receiver: an HTTP server, and an SMTP server. */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Notifier, notifiers } from '@mezite/core'
import {
  conformNotifier,
  conformPlugin,
  createTestHost,
  type NotifierUnderTest,
  testCertificate,
  testMessage,
} from '@mezite/core/testing'
import { SMTPServer } from 'smtp-server'
import t from 'tap'
import plugin from '../../../plugins/notifiers/hub.ts'
import { hostileRequest } from '../access-requests/hostile-request.ts'

process.env.TEST_SECRET = 'secret'
const secret = { env: 'TEST_SECRET' }

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An HTTP server that keeps what it gets, and responds with a status. */
async function receiver(t: { teardown(run: () => unknown): void }) {
  const received: Received[] = []
  const state = { status: 200, headers: {} as Record<string, string>, hangs: false }
  const server = createServer(async (request, response) => {
    const body = await text(request)
    if (state.hangs) return
    received.push({ headers: request.headers, body })
    response.writeHead(state.status, state.headers).end('x'.repeat(100_000))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  t.teardown(close)
  return { received, state, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, close }
}

const notifierOf = (config: object): Notifier => createTestHost(plugin, { config }).slot(notifiers)[0]!
const webhookAt = (url: string, more: object = {}) =>
  notifierOf({ webhooks: [{ name: 'ops', url, secret, ...more }] })
const chatAt = (service: string, url: string) => {
  process.env.TEST_CHAT = url
  return notifierOf({ chats: [{ name: 'ops', service, url: { env: 'TEST_CHAT' } }] })
}
const deliver = (notifier: Notifier, message = testMessage()) =>
  notifier.deliver(message, AbortSignal.timeout(15_000))

/** What a person sees of what a chat service gets. */
// biome-ignore lint/suspicious/noExplicitAny: each service has its own form
const shown: Readonly<Record<string, (body: any) => string>> = {
  slack: ({ blocks }: { blocks: { text: { type: string; text: string } }[] }) =>
    blocks.map(({ text }) => text.text).join('\n'),
  // The service removes backslashes, and a gap has no width.
  mattermost: ({ text }: { text: string }) => text.replaceAll(/\\(?=[^\w\s])/g, '').replaceAll('\u200b', ''),
  teams: ({
    attachments,
  }: {
    attachments: { content: { body: { inlines: { text: string }[] }[]; actions?: object[] } }[]
  }) =>
    attachments
      .map(({ content }) =>
        [
          ...content.body.flatMap(({ inlines }) => inlines.map(({ text }) => text)),
          JSON.stringify(content.actions),
        ].join('\n'),
      )
      .join(),
}

t.test('the plugin keeps the rules, and its configuration is checked', async (t) => {
  const url = 'https://a.test/'
  const mail = {
    name: 'mail',
    host: 'mail.test',
    from: 'hub@a.test',
    to: ['ops@a.test'],
  }
  conformPlugin(t, plugin, {
    config: { webhooks: [{ name: 'ops', url, secret }], mails: [mail] },
    refused: [
      { webhooks: [{ name: 'ops', url: 'http://a.test/', secret }] },
      { webhooks: [{ name: 'ops', url: 'http://localhost.evil.test/', secret }] },
      { webhooks: [{ name: 'ops', url }] },
      { webhooks: [{ name: 'ops', url, secret }], mails: [{ ...mail, name: 'ops' }] },
      { mails: [{ ...mail, security: 'none' }] },
      { mails: [{ ...mail, user: 'hub' }] },
      { mails: [{ ...mail, to: ['ops@a.test, evil@b.test'] }] },
      { chats: [{ name: 'chat', service: 'irc', url: secret }] },
    ],
  })
})

t.test('a notifier takes the kinds and severities that it is configured for', async (t) => {
  const takes = (notifier: Notifier, more: object = {}) =>
    notifier.takes({ kind: 'agent', severity: 'warning', title: 'x', ...more })
  const some = webhookAt('https://a.test/', { kinds: ['agent'], minimum: 'warning' })
  t.ok(takes(some))
  t.notOk(takes(some, { kind: 'job' }))
  t.notOk(takes(some, { severity: 'info' }))
  t.ok(takes(some, { severity: 'critical', user: 'ann@a.test' }), 'a webhook also gets what is for a person')
  t.notOk(takes(chatAt('slack', 'https://a.test/'), { user: 'ann@a.test' }), 'a channel does not')
})

t.test('the webhook notifier delivers', async (t) => {
  const open = async (): Promise<NotifierUnderTest> => {
    const { received, state, url, close } = await receiver(t)
    return {
      notifier: webhookAt(url),
      received: async () =>
        received.map(({ body }) => Object.values(JSON.parse(body) as Record<string, string>).join('\n')),
      hang: () => {
        state.hangs = true
      },
      close,
    }
  }
  conformNotifier(t, open)

  await t.test('signs messages by the rules of Standard Webhooks', async (t) => {
    const { received, url } = await receiver(t)
    const message = testMessage()
    await deliver(webhookAt(url), message)
    const [{ headers, body }] = received as [Received]
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    t.equal(
      headers['webhook-signature'],
      `v1,${createHmac('sha256', 'secret').update(signed).digest('base64')}`,
    )
    t.equal(headers['webhook-id'], message.id)
    t.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000) < 60)
    t.strictSame(JSON.parse(body), message)
  })

  await t.test('fault 45: a receiver that refuses, redirects or is away is a failure', async (t) => {
    const { state, url, close } = await receiver(t)
    const notifier = webhookAt(url)
    state.status = 500
    await t.rejects(deliver(notifier), { message: /status 500/ })
    Object.assign(state, { status: 302, headers: { location: url } })
    await t.rejects(deliver(notifier), { message: /cannot be reached/ })
    Object.assign(state, { status: 429, headers: { 'retry-after': '120' } })
    t.equal((await deliver(notifier).catch((error) => error)).retryAfterMs, 120_000)
    await close()
    await t.rejects(deliver(notifier), { message: /ECONNREFUSED/ })
    const away = await deliver(notifier).catch((error) => error)
    t.notMatch(away.message, url, 'without its address')
  })
})

for (const service of ['slack', 'mattermost', 'teams'] as const)
  t.test(service, async (t) => {
    conformNotifier(t, async () => {
      const { received, state, url, close } = await receiver(t)
      return {
        notifier: chatAt(service, url),
        received: async () => received.map(({ body }) => shown[service]!(JSON.parse(body))),
        hang: () => {
          state.hangs = true
        },
        close,
      }
    })
  })

t.test('T218 hostile text stays text in a chat', async (t) => {
  const { received, url } = await receiver(t)
  const hostile =
    '<!channel> <https://evil.test|Sign in> [x](https://evil.test) @channel @all __bold__ *it* <at>all</at>'
  const bodies: Record<string, { text: string; blocks: { text: { type: string } }[] }> = {}
  for (const service of ['slack', 'mattermost', 'teams']) {
    await deliver(chatAt(service, url), testMessage({ title: hostile, text: hostile }))
    bodies[service] = JSON.parse(received.at(-1)!.body)
  }
  const { slack, mattermost, teams } = bodies
  t.strictSame(
    slack!.blocks.map(({ text }) => text.type),
    ['plain_text', 'plain_text', 'mrkdwn'],
    'the last one is our link',
  )
  t.notMatch(slack!.text, /[<>]/)
  const ours = mattermost!.text.replaceAll('**', '').replace(/\[Open\]\(https:[^)]*\)$/, '')
  t.notMatch(ours, /(?<!\\)[[\]()<>*`_]|[@&]\w/, 'every character with a meaning has a backslash')
  t.match(JSON.stringify(teams), /"type":"TextRun"/)
  t.notMatch(JSON.stringify(teams), /"TextBlock"/, 'which has markup')
})

t.test('T218 the reason of a request for access stays text in a webhook and in each chat', async (t) => {
  const { received, url } = await receiver(t)
  const { message, shown: reason } = await hostileRequest()
  t.notMatch(JSON.stringify(message), /\\[rn]Bcc|\u202e|\u200b/, 'one line, in the order of its letters')
  await deliver(webhookAt(url), message)
  t.match(JSON.parse(received.at(-1)!.body), { text: `For: orders, 1h\n${reason}` }, 'a field of JSON')
  for (const service of ['slack', 'mattermost', 'teams'] as const) {
    await deliver(chatAt(service, url), message)
    const body = JSON.parse(received.at(-1)!.body)
    t.ok(shown[service]!(body).includes(reason), `${service} shows what was written`)
    const marked = { slack: /mrkdwn[^}]*evil/, mattermost: /(?<!\\)[<[]|[@&]\w/, teams: /"TextBlock"/ }
    const given =
      service === 'mattermost' ? body.text.replace(/\[Open\]\([^)]*\)$/, '') : JSON.stringify(body)
    t.notMatch(given, marked[service], `and none of it is a link, a mention or a format of ${service}`)
  }
})

t.test('the mail notifier delivers', async (t) => {
  const { cert, key, ca } = await testCertificate(['localhost'])
  const caFile = join(t.testdir(), 'ca.pem')
  writeFileSync(caFile, ca)
  chmodSync(caFile, 0o644)
  const start = async (options: object = {}) => {
    const mails: { readonly to: readonly string[]; readonly raw: string }[] = []
    const state = { hangs: false, secure: [] as boolean[] }
    const server = new SMTPServer({
      key,
      cert,
      authOptional: true,
      logger: false,
      closeTimeout: 100,
      ...options,
      onAuth({ username, password }, _session, done) {
        if (username === 'hub' && password === 'secret') return done(null, { user: 'hub' })
        done(new Error('wrong password'))
      },
      onRcptTo({ address }, _session, done) {
        done(address.startsWith('gone') ? new Error('no such mailbox') : null)
      },
      onData(stream, session, done) {
        void text(stream).then((raw) => {
          if (state.hangs) return
          state.secure.push(session.secure)
          mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw })
          done()
        })
      },
    })
    server.on('error', () => {})
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.server.address() as AddressInfo
    const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
    t.teardown(close)
    return { mails, state, close, config: { host: 'localhost', port, ca_file: caFile } }
  }
  const base = { name: 'mail', from: 'hub@a.test', to: ['ops@a.test'] }
  const at = (config: object) => {
    const host = createTestHost(plugin, { config: { mails: [{ ...base, ...config }] } })
    t.teardown(host.stop)
    return host.slot(notifiers)[0]!
  }

  conformNotifier(t, async () => {
    const { mails, state, close, config } = await start()
    return {
      notifier: at(config),
      received: async () => mails.map(({ raw }) => decoded(raw)),
      hang: () => {
        state.hangs = true
      },
      close,
    }
  })

  await t.test('uses TLS and its login, and mails people and operators', async (t) => {
    const { mails, state, config } = await start({ authOptional: false })
    const notifier = at({ ...config, user: 'hub', password: secret })
    await deliver(notifier)
    await deliver(notifier, testMessage({ user: 'ann@a.test' }))
    t.strictSame(state.secure, [true, true])
    t.strictSame(
      mails.map(({ to }) => to),
      [['ops@a.test'], ['ann@a.test']],
    )
    t.notOk(notifier.takes({ kind: 'test', severity: 'info', title: 'x', user: 'ann' }), 'not an address')
    t.notOk(notifier.takes({ kind: 'test', severity: 'info', title: 'x', user: 'ann@a.test\r\nBcc: x@y.z' }))
    process.env.TEST_WRONG = 'wrong'
    await t.rejects(deliver(at({ ...config, user: 'hub', password: { env: 'TEST_WRONG' } })), {
      code: 'EAUTH',
    })
  })

  await t.test('T218 hostile text cannot add a header, a recipient or markup', async (t) => {
    const { mails, config } = await start()
    const hostile = 'Hi\r\nBcc: evil@b.test\r\n\r\n<script>alert(1)</script>'
    const message = testMessage({ title: hostile, text: hostile })
    await deliver(at(config), message)
    const [{ to, raw }] = mails as [(typeof mails)[number]]
    t.strictSame(to, ['ops@a.test'])
    const [head] = raw.split('\r\n\r\n') as [string]
    t.notMatch(head, /^bcc:/im)
    t.match(head, /^content-type: text\/plain/im)
    t.match(head, new RegExp(`^message-id: <${message.id}@a\\.test>`, 'im'), 'the same at each attempt')
  })

  await t.test('T218 the reason of a request for access stays text in a mail', async (t) => {
    const { mails, config } = await start()
    const { message, shown: reason } = await hostileRequest()
    await deliver(at(config), message)
    const [{ to, raw }] = mails as [(typeof mails)[number]]
    t.strictSame(to, ['ops@a.test'])
    t.notMatch(raw.split('\r\n\r\n')[0], /^bcc:/im, 'not in a header')
    t.match(raw, /^content-type: text\/plain/im)
    t.ok(decoded(raw).includes(reason))
  })

  await t.test('sends nothing without TLS, or to a server with an untrusted certificate', async (t) => {
    const clear = await start({ disabledCommands: ['STARTTLS'] })
    await t.rejects(deliver(at(clear.config)), { code: 'ETLS' })
    const { ca_file: _, ...unknown } = (await start()).config
    await t.rejects(deliver(at(unknown)), { code: /ESOCKET|ETLS/ })
    t.equal(clear.mails.length, 0)
    const local = await start({ disabledCommands: ['STARTTLS', 'AUTH'] })
    await deliver(at({ ...local.config, security: 'none' }))
    t.equal(local.mails.length, 1, 'unless it is on this machine and the operator says so')
  })

  await t.test('a recipient that is refused does not repeat the mail to the others', async (t) => {
    const { mails, config } = await start()
    const to = ['gone@a.test', 'ops@a.test']
    await deliver(at({ ...config, to }))
    t.strictSame(
      mails.map((mail) => mail.to),
      [['ops@a.test']],
    )
    await t.rejects(deliver(at({ ...config, to: ['gone@a.test'] })), { code: 'EENVELOPE' }, 'all refused')
  })
})

/** Subject and text of a mail, as a reader shows them. */
function decoded(raw: string): string {
  const [head = '', ...rest] = raw.split('\r\n\r\n')
  const subject = head
    .replaceAll(/\?=\s+=\?/g, '?==?')
    .replaceAll(/=\?utf-8\?(b|q)\?([^?]*)\?=/gi, (_all, kind: string, given: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(given, 'base64').toString()
        : unquoted(given.replaceAll('_', ' ')),
    )
  const body = rest.join('\r\n\r\n')
  if (/^content-transfer-encoding: base64/im.test(head)) return `${subject}\n${Buffer.from(body, 'base64')}`
  return `${subject}\n${unquoted(body.replaceAll('=\r\n', ''))}`
}

const unquoted = (given: string) =>
  Buffer.from(
    given.replaceAll(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString()
