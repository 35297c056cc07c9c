// together: plugin-hubs
/** What an open page of the dashboard is sent, and when that ends. */
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { createEventStreams } from '../../../plugins/dashboard/event-streams.ts'
import { until } from '../../until.ts'

t.test('a person who loses the role of administrators gets no more changes', async (t) => {
  const issuer = await FakeIssuer.start()
  t.teardown(() => issuer.close())
  const hub = await createTestHub()
  t.teardown(() => hub.stop())
  await hub.api('PUT', '/connectors/sso', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso' },
    spec: issuer.spec,
  })
  const user = 'mallory@example.com'
  issuer.person = { sub: 'm', email: user, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  await hub.api('POST', '/users', { name: 'keeper', roles: ['admin'] })
  await hub.api('PATCH', `/users/${user}`, { roles: ['admin'] })
  const stream = await visitor.stream(`${hub.url}/v1/webapi/events`)
  let text = ''
  stream
    .on('error', () => {})
    .on('data', (chunk) => {
      text += chunk
    })
  const putRole = (name: string) =>
    hub.api('PUT', `/roles/${name}`, { kind: 'role', version: 'v1', metadata: { name }, spec: { allow: {} } })

  await putRole('seen')
  await until(() => text.includes('"seen"'), 'an administrator is sent the names of what changed')

  await hub.api('PATCH', `/users/${user}`, { roles: [] })
  await until(() => text.includes('event: access'), 'the change of their access arrives')
  const before = text.length
  await putRole('unseen')
  await until(() => text.length > before, 'a later change arrives')
  t.match(text.slice(before), /^event: access/)
  t.notMatch(text, 'unseen')

  const { status } = await hub
    .visitor()
    .fetch(`${hub.url}/v1/webapi/events`, { headers: { accept: 'application/json' } })
  t.equal(status, 401)
  stream.destroy()
})

t.test('reading the stream does not extend a session, and an unread stream buffers nothing', async (t) => {
  let identified = 0
  const subject = { user: 'ann', roles: ['admin'], kind: 'session', sessionId: 's1', satisfied: [] } as const
  let alive = true
  const streams = createEventStreams({
    revisions: { onApplied() {} },
    sessions: { byId: () => alive && {}, subjectOf: () => subject } as never,
    log: { debug() {}, info() {}, warn() {}, error() {}, child: () => null as never },
  })
  t.teardown(() => streams.end())
  const open = () =>
    streams.open({
      subject,
      async identifyAgain() {
        identified += 1
        return subject
      },
    })
  const read = open()
  let text = ''
  read.on('data', (chunk) => {
    text += chunk
  })
  const unread = open()
  streams.publish(new Map([['app', new Set(['grafana'])]]))
  await until(() => text.includes('grafana'), 'the change arrives')
  t.equal(identified, 0)
  streams.publish(new Map([['lock', new Set(['1'])]]))
  await until(() => identified === 2, 'both are identified when there may be a lock')

  const long = 'x'.repeat(300_000)
  for (const key of ['a', 'b', 'c']) {
    streams.publish(new Map([['app', new Set([key + long])]]))
    await until(() => text.includes(`${key}x`), `${key} arrives`)
  }
  let bytes = 0
  unread.on('data', (chunk) => {
    bytes += chunk.length
  })
  await until(() => unread.readableEnded, 'it ends')
  t.ok(bytes < 2 * long.length, `${bytes} bytes were kept, and the stream has ended`)

  alive = false
  streams.publish(new Map([['session', new Set(['s1'])]]))
  await until(() => read.readableEnded, 'the stream of an ended session ends')
  t.match(text, /event: ended\n/)
})

t.test('N169 one person cannot occupy all streams, and some are reserved for administrators', async (t) => {
  const streams = createEventStreams({
    revisions: { onApplied() {} },
    sessions: { byId: () => ({}) } as never,
    log: { debug() {}, info() {}, warn() {}, error() {}, child: () => null as never },
  })
  t.teardown(() => streams.end())
  const open = (user: string, sessionId: string | null, roles: readonly string[] = []) => {
    const subject = { user, roles, kind: 'session', sessionId, satisfied: [] } as const
    return streams.open({ subject, identifyAgain: async () => subject })
  }
  /** How many this person can open, each in a new session. */
  const fill = (user: string, roles?: readonly string[]) => {
    for (let count = 0; count < 3_000; count++) {
      try {
        open(user, `${user}-${count}`, roles)
      } catch (error) {
        t.match(error, { status: 429, code: 'too_many_streams' })
        return count
      }
    }
    return null
  }
  for (let count = 0; count < 24; count++) open('ann', 's1')
  t.throws(() => open('ann', 's1'), { code: 'too_many_streams' })
  t.equal(fill('ann'), 100 - 24)
  const token = open('bot', null)
  for (let count = 1; count < 24; count++) open('bot', null)
  t.throws(() => open('bot', null), { code: 'too_many_streams' })
  open('another-bot', null)
  let all = 100 + 24 + 1
  for (let n = 0; all < 1_800; n++) all += fill(`person-${n}`) ?? 0
  t.equal(all, 1_800)
  t.equal(fill('late'), 0)
  t.equal(fill('root', ['admin']), 100, 'an administrator still gets some')
  t.equal(fill('root2', ['admin']), 100)
  t.equal(fill('root3', ['admin']), 0, 'and of 2,000 there are no more')
  token.destroy()
  await until(() => fill('root3', ['admin']) === 1, 'one that ends makes room')
})
