// together: plugin-hubs
import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { defineHubPlugin } from '@mezite/core'
import { type Authorities, authorities } from '@mezite/core/identity'
import t from 'tap'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'
import { closed, type Login, open, startTcpHub, type TcpHub } from './start-tcp-hub.ts'

let tcp: TcpHub
let keys: Authorities
let reached = 0
const spy = defineHubPlugin({
  name: 'authority-spy',
  api: 1,
  summary: 'Lets the test issue certificates',
  needs: { authorities },
  setup(host) {
    keys = host.use.authorities
  },
})

t.before(async () => {
  tcp = await startTcpHub({ plugins: [spy] })
  const echo = {
    listener(socket: Socket) {
      // The agent's own probes send nothing.
      socket.once('data', () => reached++)
      socket.pipe(socket)
    },
  }
  await tcp.publish('echo', echo.listener)
  await tcp.publish('secret', echo.listener, { labels: { team: 'other' } })
  await tcp.publish('off', echo.listener)
  await tcp.hub.api('POST', '/apps/off/disable')
  await tcp.publish('nowhere', echo.listener, { uri: 'tcp://127.0.0.1:1' })
  await tcp.publish('metadata', echo.listener, { uri: 'tcp://169.254.169.254:80' })
  await tcp.publish('agentless', echo.listener, { spec: { agents: ['node-9'] } })
})
t.teardown(() => tcp?.stop())

const said = (session: ClientHttp2Session, app: string, headers?: object) =>
  open(session, app, headers, 'a byte before the decision').then(
    ({ status, reason, stream }) => {
      stream.destroy()
      return `${status} ${reason}`
    },
    (error: Error) => error.message,
  )
const denied = (reason: string, count = 1) =>
  tcp.events('access.denied', (event) => event.reason === reason, count)

/** Empty settings and a GOAWAY frame with the reason: the last word to whoever shows no certificate that counts. */
const REFUSED = Buffer.from(
  '\0\0\0\u0004\0\0\0\0\0' + '\0\0\u001b\u0007\0\0\0\0\0' + '\0\0\0\0\0\0\0\0certificate_refused',
  'latin1',
)

/** What a raw TLS client gets: bytes of the hub, or nothing but why when it is closed. */
function talk(socket: TLSSocket): Promise<'served' | 'closed'> {
  return new Promise((resolve) => {
    // The client's preface and empty settings; the hub answers with its own settings when it takes the connection.
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0')
    socket.once('data', (chunk: Buffer) => {
      if (chunk.equals(REFUSED)) return
      socket.destroy()
      resolve('served')
    })
    socket.once('close', () => resolve('closed'))
  })
}

/** A certificate of the user CA for a fresh key. */
async function certify(user: string, sessionId: string, notAfter: number): Promise<Partial<Login>> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { certificate } = await keys.issueUser({ publicKey, user, sessionId, notAfter })
  return {
    certificate,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    hub_ca: keys.bundle('hub-ca').join('\n'),
  }
}

t.test('each refusal has its status and reason, in the order of the contract', async (t) => {
  const ada = await tcp.login('ada', ['platform'])
  const session = tcp.msh(ada)
  t.equal(await said(session, 'echo'), '200 undefined')
  await until(() => reached === 1, 'what was sent early reaches an app that may be opened')
  t.equal(await said(session, 'missing'), '404 app_unknown')
  t.equal(await said(session, 'secret'), '403 label_mismatch')
  t.equal(await said(session, 'off'), '503 app_disabled')
  t.equal(await said(session, 'nowhere'), '502 connection_refused')
  t.equal(await said(session, 'agentless'), '502 agent_none')
  t.match((await denied('label_mismatch'))[0], {
    user: 'ada@example.com',
    app: 'secret',
    session_id: ada.session_id,
  })
  session.destroy()
})

t.test(
  'a connection that is refused or fails for another reason than a policy leaves one record',
  async (t) => {
    const amy = await tcp.login('amy', ['platform'])
    const session = tcp.msh(amy)
    const failures = [
      ['off', 'app_disabled', null],
      ['nowhere', 'connection_refused', 'node-1'],
      ['metadata', 'target_not_allowed', 'node-1'],
      ['agentless', 'agent_none', null],
    ] as const
    for (const [app, reason] of failures) t.match(await said(session, app), reason)
    const { id } = await tcp.hub.api<{ id: string }>('POST', '/locks', { target: { agent: 'node-1' } })
    t.equal(await said(session, 'echo'), '502 agent_none', 'the agent is locked')
    await tcp.hub.api('DELETE', `/locks/${id}`)
    const expected = [...failures, ['echo', 'agent_none', null] as const]
    const found = await tcp.events(
      'request.failed',
      ({ user }) => user === 'amy@example.com',
      expected.length,
    )
    t.strictSame(
      found.map(({ app, reason, agent }) => [app, reason, agent]),
      expected,
      'one each, in their order',
    )
    const { session_id } = amy
    for (const one of found)
      t.match(one, { session_id, roles: ['platform'], protocol: 'tcp', success: false })
    const refused = (query: string) => tcp.hub.api<object[]>('GET', `/audit?${query}&user=amy@example.com`)
    t.match(await refused('reason=target_not_allowed'), [{ app: 'metadata' }])
    t.equal((await refused('agent=node-1')).length, 2)
    // The agent returns by itself.
    await until(
      async () => (await said(session, 'echo')) === '200 undefined',
      'the agent serves again',
      30_000,
    )
    session.destroy()
  },
)

t.test('I122 the app’s name must match exactly', async (t) => {
  const session = tcp.msh(await tcp.login('ada', ['platform']))
  const before = reached
  for (const name of [
    'Echo',
    'ECHO',
    'echo.',
    'echo:443',
    ' echo',
    'echo ',
    'a@echo',
    'x'.repeat(300),
    'ech\u00f6',
    '*',
    '__proto__',
    'constructor',
    'ec\0ho',
  ])
    t.match(await said(session, name), /^404 app_unknown$|^closed unanswered|Invalid/, JSON.stringify(name))
  t.equal(await said(session, 'secret'), '403 label_mismatch', 'another app’s name')
  t.equal(reached, before)
  t.match(await said(session, 'echo', { 'mezite-protocol': 'carrier-pigeon' }), '400 protocol_unknown')
  session.destroy()
})

t.test('I121 roles that demand MFA or a trusted device refuse TCP apps', async (t) => {
  const before = reached
  for (const [group, reason] of [
    ['careful', 'session_mfa_required'],
    ['devices', 'device_trust_required'],
  ] as const) {
    const session = tcp.msh(await tcp.login(`mfa-${group}`, ['platform', group]))
    t.equal(await said(session, 'echo'), `403 ${reason}`)
    t.match((await denied(reason))[0], { app: 'echo', user: `mfa-${group}@example.com`, success: false })
    session.destroy()
  }
  t.equal(reached, before)
})

t.test('I120 the roles in the database decide, not those at the time of the login', async (t) => {
  const eve = await tcp.login('eve', [])
  t.strictSame(eve.roles, [])
  const session = tcp.msh(eve)
  t.equal(await said(session, 'echo'), '403 role_missing')
  await tcp.hub.api('PATCH', '/users/eve@example.com', { roles: ['platform'] })
  const { stream, status } = await open(session, 'echo')
  t.equal(status, 200)
  stream.resume()
  const watch = startStopwatch()
  await tcp.hub.api('PATCH', '/users/eve@example.com', { roles: [] })
  t.not(await closed(stream), 0, 'a taken role cuts what is live')
  t.ok(watch.took() < 3_000)
  t.equal(await said(session, 'echo'), '403 role_missing')
  session.destroy()
})

t.test('I115, I116 a resumed TLS session opens nothing', async (t) => {
  const ada = await tcp.login('ada', ['platform'])
  const first = tcp.tls(ada)
  const tickets: Buffer[] = []
  first.on('session', (ticket) => tickets.push(ticket))
  await once(first, 'secureConnect')
  t.equal(await talk(first), 'served')
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.comment(`${tickets.length} session messages`)
  const { hub_ca } = ada
  for (const ticket of tickets) {
    t.equal(await talk(tcp.tls({ hub_ca }, { session: ticket })), 'closed', 'I116 without a certificate')
    const expired = await certify('ada@example.com', ada.session_id, Date.now() - 1_000)
    t.equal(await talk(tcp.tls(expired, { session: ticket })), 'closed', 'I115 with an expired one')
  }
  t.equal(await talk(tcp.tls({ hub_ca })), 'closed', 'without a certificate')
  t.equal(await talk(tcp.tls(await certify('ada@example.com', ada.session_id, Date.now() - 1_000))), 'closed')
  t.equal(await talk(tcp.tls(ada, { maxVersion: 'TLSv1.2' })), 'closed', 'TLS 1.2')
  t.ok(await denied('certificate_refused', 2))
})

t.test('I119 certificates of another kind, cluster or authority are refused', async (t) => {
  const ada = await tcp.login('ada', ['platform'])
  const { hub_ca } = ada
  const identity = await keys.hubIdentity()
  t.equal(
    await talk(tcp.tls({ hub_ca, certificate: identity.cert, key: identity.key })),
    'closed',
    'the hub’s own',
  )

  const dir = mkdtempSync(join(tmpdir(), 'mez-certs-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=node-1',
    '-keyout',
    'agent.key',
    '-out',
    'agent.csr',
  )
  const csr = readFileSync(join(dir, 'agent.csr'), 'utf8')
  const agent = await keys.issueAgent({ csr, hostname: 'node-1', generation: 1 })
  const agentKey = readFileSync(join(dir, 'agent.key'), 'utf8')
  t.equal(
    await talk(tcp.tls({ hub_ca, certificate: agent.certificate, key: agentKey })),
    'closed',
    'an agent’s',
  )

  writeFileSync(
    join(dir, 'ext'),
    `extendedKeyUsage=clientAuth\nsubjectAltName=URI:mezite://test/user/ada%40example.com?session=${ada.session_id}\n`,
  )
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=Mezite user-ca/O=test',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'agent.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-days',
    '1',
    '-extfile',
    'ext',
    '-out',
    'forged.pem',
  )
  const forged = readFileSync(join(dir, 'forged.pem'), 'utf8')
  t.equal(
    await talk(tcp.tls({ hub_ca, certificate: forged, key: agentKey })),
    'closed',
    'another cluster’s authority',
  )

  const made = await certify('mallory@example.com', ada.session_id, Date.now() + 60_000)
  const session = tcp.msh(made as Login)
  const over = once(session, 'close')
  t.equal(await said(session, 'echo'), '401 certificate_refused', 'a session of somebody else')
  await over
  const odd = await certify("ada@example.com/../x?session=1'", ada.session_id, Date.now() + 60_000)
  t.equal(await said(tcp.msh(odd as Login), 'echo'), '401 certificate_refused')
  const hubSession = (await tcp.hub.api<{ id: string; kind: string }[]>('GET', '/sessions')).find(
    ({ kind }) => kind === 'hub',
  )
  const browser = await certify('ada@example.com', hubSession?.id ?? '', Date.now() + 60_000)
  t.equal(await said(tcp.msh(browser as Login), 'echo'), '401 certificate_refused', 'a browser’s session')
  const gone = await certify('ada@example.com', '01a2107c-c32f-7695-9ae1-b1e3c3ce02fb', Date.now() + 60_000)
  t.equal(await said(tcp.msh(gone as Login), 'echo'), '401 session_ended', 'a session that never was')
})

t.test('I117 locks, revocation, removal and disabling cut live connections', async (t) => {
  const cut = async (who: string, reason: string, act: (login: Login) => Promise<unknown>, kept = false) => {
    const login = await tcp.login(who, ['platform'])
    const session = tcp.msh(login)
    const { stream } = await open(session, 'echo')
    stream.write('four')
    await once(stream, 'data')
    stream.resume()
    const watch = startStopwatch()
    const goaway = once(session, 'goaway')
    // Heard from here on: the hub closes a moment after its last word, whatever the trail takes.
    const gone = once(session, 'close')
    await act(login)
    t.not(await closed(stream), 0, `${reason}: a reset, no clean end`)
    t.ok(watch.took() < 3_000, `${reason}: ${watch.took()} ms`)
    const [end] = await tcp.events('app.session.end', ({ session_id }) => session_id === login.session_id)
    t.match(end, { end_reason: reason, bytes_in: 4, bytes_out: 4, user: `${who}@example.com` })
    if (kept) return session
    const [, , why] = await goaway
    t.equal(Buffer.from(why).toString(), 'session_ended')
    await gone
    t.equal(await said(tcp.msh(login), 'echo'), '401 session_ended')
    return session
  }
  await cut('revoked', 'revoked', ({ session_id }) => tcp.hub.api('DELETE', `/sessions/${session_id}`))
  const locked = await cut(
    'locked',
    'locked',
    () => tcp.hub.api('POST', '/locks', { target: { user: 'locked@example.com' } }),
    true,
  )
  t.equal(await said(locked, 'echo'), '403 locked')
  locked.destroy()
  await cut('removed', 'user_deleted', () => tcp.hub.api('DELETE', '/users/removed@example.com'))
  const out = await tcp.login('out', ['platform'])
  const session = tcp.msh(out)
  const { stream } = await open(session, 'echo')
  stream.resume()
  await tcp.hub.visitor().fetch(`${tcp.hub.url}/v1/webapi/me/session`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${out.token}` },
  })
  t.not(await closed(stream), 0, 'logout')
  const off = await cut('disabled', 'app_disabled', () => tcp.hub.api('POST', '/apps/echo/disable'), true)
  t.equal(await said(off, 'echo'), '503 app_disabled')
  await tcp.hub.api('POST', '/apps/echo/enable')
  t.equal(await said(off, 'echo'), '200 undefined')
  off.destroy()
})

t.test('I118 a certificate that expires cuts its connections', async (t) => {
  const ada = await tcp.login('ada', ['platform'])
  const short = await certify('ada@example.com', ada.session_id, Date.now() + 5_500)
  const session = tcp.msh(short as Login)
  const goaway = once(session, 'goaway')
  const { stream } = await open(session, 'echo')
  stream.resume()
  t.not(await closed(stream), 0)
  t.equal(Buffer.from((await goaway)[2]).toString(), 'certificate_expired')
  const [end] = await tcp.events(
    'app.session.end',
    ({ session_id, end_reason }) => session_id === ada.session_id && end_reason === 'expired',
  )
  t.ok(end)
  t.equal(await said(tcp.msh(ada), 'echo'), '200 undefined', 'the session itself lives')
})

t.test('a connection ends when the key of its user CA is no longer trusted', async (t) => {
  const session = tcp.msh(await tcp.login('keyed', ['platform']))
  const { stream } = await open(session, 'echo')
  stream.resume()
  const goaway = once(session, 'goaway')
  for (const step of ['start', 'switch', 'finish'])
    await tcp.hub.api('POST', '/auth/rotate/user-ca', { step, force: true })
  t.not(await closed(stream), 0)
  t.equal(Buffer.from((await goaway)[2]).toString(), 'certificate_refused')
})

t.test('hostile frames end their connection and nothing else', async (t) => {
  const ada = await tcp.login('ada', ['platform'])
  const good = tcp.msh(ada)
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])
  const attacks: Record<string, Buffer> = {
    'no HTTP/2 at all': Buffer.from('GET / HTTP/1.1\r\nHost: echo\r\n\r\n'),
    'random bytes': createHash('sha512').update('x').digest(),
    'DATA on a stream that is not open': Buffer.concat([
      Buffer.from(preface),
      settings,
      Buffer.from([0, 0, 1, 0, 0, 0, 0, 0, 1, 65]),
    ]),
    'a frame that is too long': Buffer.concat([
      Buffer.from(preface),
      settings,
      Buffer.from([255, 255, 255, 0, 0, 0, 0, 0, 1]),
    ]),
    'broken header compression': Buffer.concat([
      Buffer.from(preface),
      settings,
      Buffer.from([0, 0, 3, 1, 4, 0, 0, 0, 1, 255, 255, 255]),
    ]),
    'a window that overflows': Buffer.concat([
      Buffer.from(preface),
      settings,
      ...Array.from({ length: 3 }, () => Buffer.from([0, 0, 4, 8, 0, 0, 0, 0, 0, 127, 255, 255, 255])),
    ]),
    'CONTINUATION without an end': Buffer.concat([
      Buffer.from(preface),
      settings,
      Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 1]),
      ...Array.from({ length: 5_000 }, () => Buffer.from([0, 0, 0, 9, 0, 0, 0, 0, 1])),
    ]),
  }
  for (const [name, bytes] of Object.entries(attacks)) {
    const socket = tcp.tls(ada)
    socket.resume()
    socket.write(bytes)
    await once(socket, 'close')
    t.pass(name)
  }
  const get = good.request({ ':method': 'GET', ':path': '/', ':scheme': 'https', ':authority': 'echo' })
  get.resume()
  const [head] = await once(get, 'response')
  t.match(head, { ':status': 405, 'mezite-reason': 'connect_only' })
  // A client that never ends its half of what was refused.
  for (let round = 0; round < 300; round++) t.equal(await said(good, 'missing'), '404 app_unknown')
  t.equal(await said(good, 'echo'), '200 undefined')
  good.destroy()
})

t.test('a key that does not belong to the certificate opens nothing', async (t) => {
  const ada = await tcp.login('ada', ['platform'])
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  t.throws(() =>
    tcp.tls({ ...ada, key: other.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }),
  )
  t.match(String(other.publicKey.export({ type: 'spki', format: 'pem' })), /PUBLIC KEY/)
})
