/** Public paths of a running hub: each way into an app, what the app gets, and what is recorded. */
import t from 'tap'
import {
  BODY,
  curl,
  document,
  headOf,
  host,
  http2,
  hub,
  mac,
  now,
  POST,
  raw,
  received,
  rules,
  SECRET,
  signed,
  stop,
  tcp,
  url,
} from './public-hub.ts'
import { senders } from './senders.ts'

t.teardown(stop)

t.test(
  'U227 curl sends a webhook as each sender does, and the app gets it whole, with the name of the rule',
  async (t) => {
    const time = now()
    const github = ['-H', `X-Hub-Signature-256: sha256=${await mac(BODY)}`, ...POST]
    const { sign } = senders['standard-webhooks']!
    const lines = sign(BODY, Number(time))
    const message = [0, 2, 4].flatMap((at) => ['-H', `${lines[at]}: ${lines[at + 1]}`])
    const slack = [
      '-H',
      `X-Slack-Request-Timestamp: ${time}`,
      '-H',
      `X-Slack-Signature: v0=${await mac(`v0:${time}:${BODY}`)}`,
    ]
    const stripe = ['-H', `Stripe-Signature: t=${time},v1=${await mac(`${time}.${BODY}`)}`]
    received.length = 0
    t.equal(
      await curl('/hooks/github', ...github, '-H', 'Mezite-Verified: forged', '-H', 'X-Mezite-User: admin'),
      '200',
    )
    t.equal(await curl('/hooks/gitlab', '-H', `X-Gitlab-Token: ${SECRET}`, ...POST), '200')
    t.equal(await curl('/hooks/slack', ...slack, ...POST), '200')
    t.equal(await curl('/hooks/stripe', ...stripe, ...POST), '200')
    t.equal(await curl('/hooks/standard-webhooks', ...message, ...POST), '200')
    t.strictSame(
      received.map(({ headers, body }) => [headers['mezite-verified'], body]),
      ['github', 'gitlab', 'slack', 'stripe', 'standard-webhooks'].map((rule) => [rule, BODY]),
    )
    for (const { headers } of received)
      t.strictSame(
        ['x-mezite-user', 'x-mezite-roles', 'mezite-jwt-assertion', 'cookie'].filter(
          (name) => name in headers,
        ),
        [],
        'nobody',
      )
    received.length = 0
    t.equal(await curl('/hooks/slack', ...slack, ...POST), '401 verification_failed', 'a copy')
    t.equal(await curl('/hooks/stripe', ...stripe, ...POST), '401 verification_failed', 'a copy')
    t.equal(await curl('/hooks/standard-webhooks', ...message, ...POST), '401 verification_failed', 'a copy')
    t.equal(await curl('/hooks/github', ...github, '--data-binary', 'more'), '401 verification_failed')
    t.equal(await curl('/hooks/github', ...POST), '401 login_required')
    t.equal(await curl('/hooks/gitlab', '-H', 'X-Gitlab-Token: x', ...POST), '401 verification_failed')
    t.equal(
      await curl('/hooks/github', ...github, '-H', `X-Hub-Signature-256: sha256=${await mac(BODY)}`),
      '401 verification_failed',
      'twice',
    )
    t.strictSame(received, [], 'no byte reaches the app')
  },
)

t.test('U227 every version of HTTP and every framing asks the same rule', async (t) => {
  const line = `X-Hub-Signature-256: ${signed(BODY)}`
  const length = `Content-Length: ${BODY.length}`
  const chunked = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`
  const post = 'POST /hooks/github'
  received.length = 0
  t.equal(await raw(headOf(post, line, length, 'Connection: close') + BODY), '200')
  t.equal(await raw(headOf(post, line, 'Transfer-Encoding: chunked', 'Connection: close') + chunked), '200')
  const h2 = { ':method': 'POST', ':path': '/hooks/github' }
  t.equal(await http2({ ...h2, 'x-hub-signature-256': signed(BODY) }, BODY), '200')
  t.equal(await http2({ ...h2, 'x-hub-signature-256': signed('other') }, BODY), '401 verification_failed')
  t.equal(await curl('/hooks/github', '-H', line, '-H', 'Expect: 100-continue', ...POST), '200')
  t.equal(await curl('/feed', '-H', `X-Feed-Key: ${SECRET}`), '200', 'on the lane')
  t.equal(await http2({ ':path': '/feed', 'x-feed-key': SECRET }), '200')
  t.equal(await curl('/feed', '-H', 'X-Feed-Key: x'), '401 verification_failed')
  t.equal(received.length, 6)
  t.strictSame(
    received.filter(({ headers }) => 'x-feed-key' in headers),
    [],
    'the app does not see the secret',
  )
  received.length = 0
  const large = 'x'.repeat(1_048_577)
  const big = headOf(
    post,
    `X-Hub-Signature-256: ${signed(large)}`,
    `Content-Length: ${large.length}`,
    'Connection: close',
  )
  t.equal(await raw(big + large), '401 verification_failed', 'beyond 1 MiB')
  const trailer = `${chunked.slice(0, -2)}X-Late: 1\r\n\r\n`
  t.match(
    await raw(
      headOf(post, line, 'Transfer-Encoding: chunked', 'Trailer: X-Late', 'Connection: close') + trailer,
    ),
    /^401/,
  )
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
    t.match(await raw(headOf(`${method} /hooks/github`, line, 'Connection: close')), /^401/, method)
  const upgrade = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ]
  t.match(await raw(headOf('GET /assets/live', ...upgrade)), /^401/, 'WebSockets are never public')
  for (const path of [
    '/assets/../admin',
    '/assets/..%2fadmin',
    '/assets/%252e%252e/admin',
    '/assets/..;/admin',
    '/assets/a?_method=DELETE',
  ])
    t.match(await raw(headOf(`GET ${path}`, 'Connection: close')), /^401/, path)
  t.strictSame(received, [])
})

t.test(
  'networks and anyone open their paths alone, at this app alone, at the rate of the rule',
  async (t) => {
    t.strictSame(
      [await curl('/office/a'), await curl('/elsewhere'), await curl('/assets/a.css')],
      ['200', '401 login_required', '200'],
    )
    t.equal(await curl('/assets/a.css', '-I'), '200')
    t.strictSame([await curl('/few'), await curl('/few')], ['200', '429 too_many_requests'])
    const { status } = await hub.visitor().fetch(`${hub.appUrl('plain')}/assets/a.css`)
    t.equal(status, 401)
    t.equal(
      await curl('/assets/form', ...POST, '-H', 'Origin: https://evil.example.com'),
      '403 origin_not_allowed',
    )
    t.equal(await curl('/assets/form', ...POST), '200')
  },
)

t.test('a session beside it does not count, and nothing of it reaches the app', async (t) => {
  await hub.api('POST', '/users', { name: 'ann@example.com', roles: ['platform'] })
  tcp.issuer.person = { sub: 'ann', email: 'ann@example.com', email_verified: true, groups: [] }
  const ann = hub.visitor()
  t.equal((await ann.open(`${url}/page`)).status, 200)
  t.match(received.at(-1)?.headers, { 'x-mezite-user': 'ann@example.com' })
  t.notOk(received.at(-1)?.headers['mezite-verified'])
  const cookie = `Cookie: ${ann.cookies(host)}; own=1`
  for (const send of [
    () => curl('/assets/a.css', '-H', cookie),
    () => curl('/hooks/github', '-H', cookie, '-H', `X-Hub-Signature-256: ${signed(BODY)}`, ...POST),
    () => http2({ ':path': '/assets/b.css', cookie: cookie.slice(8) }),
  ]) {
    t.equal(await send(), '200')
    const { headers } = received.at(-1)!
    t.ok(headers['mezite-verified'])
    t.strictSame(
      [headers['x-mezite-user'], headers['mezite-jwt-assertion'], headers.cookie],
      [undefined, undefined, 'own=1'],
    )
  }
  const forged = ['-H', `X-Hub-Signature-256: ${signed('x')}`]
  t.equal(await curl('/hooks/github', '-H', cookie, ...forged, ...POST), '401 verification_failed')
  // It tries to prove nothing, so it is a request of hers.
  t.equal(await curl('/hooks/github', '-H', cookie, ...POST), '200')
  t.match(received.at(-1)?.headers, { 'x-mezite-user': 'ann@example.com' })
  const token = ['-H', `Authorization: Bearer mezite_at_${'x'.repeat(43)}`]
  t.match(await curl('/assets/a.css', ...token), /^401/, 'a credential is never passed on')
  t.match(await curl('/assets/a.css', '-H', `${cookie}x`), /^200$/, 'a session that has ended')
})

t.test('locks, a disabled app and a change of the document count; records name the rule', async (t) => {
  const lock = await hub.api<{ id: string }>('POST', '/locks', { target: { app: 'web' } })
  t.equal(await curl('/assets/a.css'), '403 locked')
  await hub.api('DELETE', `/locks/${lock.id}`)
  t.equal(await curl('/assets/a.css'), '200')
  const admitted = await tcp.events('app.request', ({ verified }) => verified === 'github', 4)
  t.match(admitted[0], { app: 'web', path: '/hooks/github', method: 'POST' })
  t.notOk(admitted.some(({ user }) => user))
  const refused = await tcp.events('request.failed', ({ rule }) => rule === 'github', 3)
  t.match(refused[0], { app: 'web', reason: 'verification_failed', path: '/hooks/github' })
  t.notOk(refused.some(({ verified }) => verified))
  const { attention } = await hub.api<{ attention: { subject: string; message: string }[] }>('GET', '/status')
  t.match(
    attention.filter(({ subject }) => subject.startsWith('app web, rule')).map(({ subject }) => subject),
    ['app web, rule feed', 'app web, rule assets', 'app web, rule few'],
  )
  const shown = JSON.stringify([
    await hub.api('GET', '/apps/web'),
    await hub.api('GET', '/status'),
    await hub.api('GET', '/audit?limit=1000'),
    received.filter(({ headers }) => !headers['x-gitlab-token']),
  ])
  t.notMatch(shown, new RegExp(SECRET), 'secrets are nowhere')
  await hub.api('PUT', '/apps/web', document('web', {}))
  t.equal(await curl('/assets/a.css'), '401 login_required')
  await t.rejects(
    hub.api(
      'PUT',
      '/apps/web',
      document('web', { 'public-paths': { rules: [{ ...rules[8], paths: ['/**'] }] } }),
    ),
    /without \*/,
  )
})
