// together: quick
/** The rules of public paths: what they admit, and what they refuse. */
import { createHmac, randomBytes } from 'node:crypto'
import { conformVerifier, testQuery } from '@mezite/core/testing'
import t from 'tap'
import { bypasses } from '../../gate/access/path-bypasses.ts'
import { HOOK, hmac, NOW, open, SECRETS } from './open-verifier.ts'
import { senders } from './senders.ts'

t.test('U227 the signatures that the documents of the senders show are admitted', async (t) => {
  const github = open([hmac('github', 'github')])
  const signed = [
    'X-Hub-Signature-256',
    'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  ]
  t.equal(await github.send('/hook', signed, 'Hello, World!'), 'admitted')
  t.equal(await github.send('/hook', signed, 'Hello, World'), 'verification_failed')

  const slack = open([hmac('slack', 'slack')], 1_531_420_618_000)
  const body =
    'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c'
  const line = [
    ...['X-Slack-Request-Timestamp', '1531420618'],
    ...['X-Slack-Signature', 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'],
  ]
  t.equal(await slack.send('/hook', line, body), 'admitted')

  const standard = open([hmac('standard-webhooks', 'standard')], 1_614_265_330_000)
  const message = [
    ...['webhook-id', 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp', '1614265330'],
    ...['webhook-signature', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='],
  ]
  t.equal(await standard.send('/hook', message, '{"test": 2432232314}'), 'admitted')

  const gitlab = open([hmac('gitlab', 'gitlab')])
  t.equal(await gitlab.send('/hook', ['X-Gitlab-Token', 'a token of gitlab'], '{}'), 'admitted')
  t.equal(await gitlab.send('/hook', ['X-Gitlab-Token', 'a token of gitlaB'], '{}'), 'verification_failed')
})

for (const [name, { rule, secret, sign, proofs, timed }] of Object.entries(senders))
  conformVerifier(t, async () => {
    SECRETS.set('sender', secret)
    const { request, verifier } = open(
      [{ ...HOOK, name, verify: rule, rate: '99999/s' }].map(named),
      NOW * 1_000,
      false,
    )
    const sentAt = (seconds: number) => {
      const body = Buffer.from('{"event":"push"}')
      return { request: request('/hook', sign(body, seconds)), body }
    }
    return {
      verifier,
      ...{ sent: sentAt(NOW), proofs, close: async () => {} },
      ...(timed && { old: sentAt(NOW - 301) }),
    }
  })

t.test('U227 a request that its sender has not signed just now is refused', async (t) => {
  for (const [name, { rule, secret, sign, timed }] of Object.entries(senders)) {
    SECRETS.set('sender', secret)
    const { clock, send } = open([{ ...HOOK, verify: rule }])
    t.equal(await send('/hook', sign('{}', NOW), '{}'), 'admitted', name)
    if (timed) {
      t.equal(await send('/hook', sign('{}', NOW), '{}'), 'verification_failed', `${name}: sent again`)
      t.equal(
        await send('/hook', sign('{}', NOW + 301), '{}'),
        'verification_failed',
        `${name}: from the future`,
      )
      clock.advance(301_000)
      t.equal(await send('/hook', sign('{"a":1}', NOW), '{"a":1}'), 'verification_failed', `${name}: old`)
    }
    t.equal(await send('/hook', [], '{}'), 'closed', `${name}: without a proof`)
    t.equal(await send('/other', sign('{}', NOW), '{}'), 'closed', `${name}: another path`)
    for (const method of ['GET', 'HEAD', 'PUT', 'post', 'OPTIONS'])
      t.equal(await send('/hook', sign('{}', NOW), '{}', { method }), 'closed', `${name}: ${method}`)
  }
})

t.test('U227 one of two secrets may sign, and a copy with the other one is a copy', async (t) => {
  SECRETS.set('new', senders.stripe!.secret).set('old', 'the secret before')
  const { send } = open([hmac('stripe', ['new', 'old'] as never)])
  const [, both = ''] = senders.stripe!.sign('{}', NOW)
  t.equal(await send('/hook', ['Stripe-Signature', both], '{}'), 'admitted')
  const other = createHmac('sha256', 'the secret before').update(`${NOW}.{}`).digest('hex')
  t.equal(await send('/hook', ['Stripe-Signature', `t=${NOW},v1=${other}`], '{}'), 'verification_failed')
  const next = createHmac('sha256', 'the secret before').update(`${NOW}.[]`).digest('hex')
  t.equal(await send('/hook', ['Stripe-Signature', `t=${NOW},v1=0a,v1=${next}`], '[]'), 'admitted')
})

t.test('U227 a body beyond the bound, and a replay that a rule forbids, are refused', async (t) => {
  SECRETS.set('sender', senders.github!.secret)
  const { clock, send } = open([hmac('github', 'sender', { max_body: 4, replay: '10m' })])
  t.equal(await send('/hook', senders.github!.sign('12345', 0), '12345'), 'too long')
  t.equal(await send('/hook', senders.github!.sign('1234', 0), '1234'), 'admitted')
  t.equal(await send('/hook', senders.github!.sign('1234', 0), '1234'), 'verification_failed')
  clock.advance(601_000)
  t.equal(await send('/hook', senders.github!.sign('1234', 0), '1234'), 'admitted')
})

t.test('U223 a path is public only if each of its readings is', async (t) => {
  const { send, request, verifier } = open([
    {
      name: 'files',
      methods: ['GET'],
      paths: ['/public/**', '/robots.txt'],
      verify: 'anyone',
      rate: '99999/s',
    },
  ])
  const get = (target: string) => send(target, [], '', { method: 'GET' })
  for (const path of [
    '/public',
    '/public/',
    '/public/a/b.css',
    '/robots.txt',
    '/public/a%20b',
    '/public/a?x=/../y',
  ])
    t.equal(await get(path), 'admitted', path)
  for (const path of [
    ...['/', '/publicx', '/Public/a', '/public/../admin', '/public/%2e%2e/admin', '/public/..%2fadmin'],
    ...['/public/..;/admin', '/public/x/..%5c..%5cadmin', '/public%2f..%2fadmin', '/public/%252e%252e/admin'],
    ...['/admin/..;/public', '//public/a', '/public/%00', '/public/%ff', '/x/../public/a', '/public/a#/../b'],
    ...['/robots.txt/..', '/robots.txt;/../admin', '*', '', 'http://x/public/a', '/public/a?_method=DELETE'],
    ...['/public/a?%5Fmethod=DELETE', '/public/a?x=1;_method=DELETE'],
  ])
    t.equal(await get(path), 'closed', path)
  // Each of these reaches another directory on some server.
  for (const { path } of bypasses) t.equal(await get(path), 'closed', path)
  t.equal(
    verifier.verify(request('/public/a', [], { method: 'GET', app: testQuery().app })),
    null,
    'another app',
  )
  t.equal(verifier.webSockets, undefined, 'WebSockets are never public')
})

t.test('networks and anyone decide by the head, and each address has a rate', async (t) => {
  const networks = ['192.0.2.0/24', '2001:db8::/32']
  const { clock, send } = open([{ ...HOOK, verify: { networks }, rate: '2/m' }])
  const from = (clientIp: string) => send('/hook', [], '', { clientIp })
  t.equal(await from('203.0.113.7'), 'closed')
  t.strictSame(
    [await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.1'), await from('2001:db8::1')],
    ['admitted', 'admitted', 'too_many_requests', 'admitted'],
  )
  clock.advance(30_000)
  t.equal(await from('192.0.2.1'), 'admitted')
})

t.test('bytes of strangers in the headers admit nothing, and throw nothing', async (t) => {
  const all = Object.values(senders)
  SECRETS.set('sender', 'nobody has this secret')
  const rules = all.map(({ rule }, at) => ({ ...HOOK, name: `rule-${at}`, verify: rule, rate: '99999/s' }))
  const { request, verifier } = open(rules)
  const outcomes = new Set<string>()
  for (let round = 0; round < 3_000; round++) {
    const { sign } = all[round % all.length]!
    const lines = sign(randomBytes(8), NOW).map((text, at) => {
      if (at % 2 === 0 || Math.random() < 0.3) return text
      const bytes = randomBytes(1 + (round % 40)).toString(round % 2 === 0 ? 'latin1' : 'base64')
      const cut = Math.floor(Math.random() * (text.length + 1))
      return text.slice(0, cut) + bytes + text.slice(cut + (round % 3))
    })
    const found = verifier.verify(request('/hook', lines))
    if (found?.refuse === undefined && found?.body === undefined) outcomes.add(JSON.stringify(found))
    else if (found.body !== undefined) outcomes.add(String(await found.body.check(randomBytes(8))))
    else outcomes.add(found.refuse ?? '')
  }
  t.strictSame(
    [...outcomes].filter((one) => one !== 'null' && one !== 'false'),
    ['verification_failed'],
  )
})

function named<Rule extends { readonly name: string }>(rule: Rule): Rule {
  return { ...rule, name: rule.name.replaceAll(' ', '-') }
}
