// together: rooms
/** Policies that decide by the request: what they see of it, what is remembered, and what becomes of open streams. */
import type { AccessQuery, Vote } from '@mezite/core'
import type { Admission } from '@mezite/core/protocol'
import t from 'tap'
import { readAccessRequest } from '../../../core/gate/access/access-request.ts'
import { readApp } from '../../../core/gate/catalog/app-document.ts'
import { until } from '../../until.ts'
import { actor, appBody, publicNames, startRooms } from '../sessions/start-rooms.ts'

const rooms = await startRooms()
const { access, catalog, clock, sessions, users } = rooms
const { app } = await catalog.put(readApp(appBody('wiki'), publicNames), 'create', actor)
await users.create('ann', ['dev'], actor)
const { session } = await sessions.open({
  kind: 'hub',
  user: 'ann',
  clientIp: '10.0.0.9',
  expires: clock.now() + 3_600_000,
})
sessions.start()
t.teardown(() => rooms.stop())

const admit = (method: string, target: string) =>
  access.admit({
    who: { kind: 'hub', sessionId: session.id },
    app,
    protocol: 'http',
    clientIp: '10.0.0.9',
    requestId: 'r',
    request: { method, target },
  })
const codeOf = async (method: string, target: string) => {
  const outcome = await admit(method, target)
  if (outcome.outcome !== 'admitted') return outcome.code
  outcome.close()
  return 'admitted'
}
const readOnly = ({ request }: AccessQuery, vote: Vote) => {
  if (request === null) return void vote.allow('dev')
  if (request.segments === null) return void vote.deny('path_ambiguous')
  if (request.method === 'GET' && request.segments[0] !== 'admin') vote.allow('dev')
  else vote.deny('request_not_allowed')
}

t.test('a decision by the request is made for each request, and nothing is remembered by path', async (t) => {
  rooms.setPolicy(readOnly)
  for (const [method, target, code] of [
    ['GET', '/a?b', 'admitted'],
    ['DELETE', '/a?b', 'request_not_allowed'],
    ['GET', '/%61dmin/x', 'request_not_allowed'],
    ['GET', '/x/%2e%2e/admin', 'path_ambiguous'],
  ] as const) {
    t.equal(await codeOf(method, target), code, `${method} ${target}`)
    const asked = rooms.asked()
    t.equal(await codeOf(method, target), code, 'again')
    t.equal(rooms.asked(), asked + 1, 'asked again')
  }
  t.strictSame(
    (await access.visible(sessions.subjectOf(session)!, '10.0.0.9')).map(({ app }) => app.name),
    ['wiki'],
    'a list has no request',
  )
})

t.test('a decision by kinds of request is remembered for each kind, until access data changes', async (t) => {
  const kindOf = (request: AccessQuery['request']) => request?.method ?? 'none'
  let kinds = 0
  rooms.setPolicy((_query, vote) =>
    vote.byRequest(
      (request) => {
        kinds += 1
        return kindOf(request)
      },
      (kind) => (kind === 'DELETE' ? vote.deny('not_here') : vote.allow('dev')),
    ),
  )
  await users.update('ann', ['dev', 'ops', 'kinds'], actor)
  const asked = rooms.asked()
  for (const target of ['/a', '/b', '/c']) {
    t.equal(await codeOf('GET', target), 'admitted')
    t.equal(await codeOf('DELETE', target), 'not_here')
  }
  t.equal(rooms.asked(), asked + 2, 'the policies are asked once for each kind')
  t.ok(kinds >= 6, 'each request is of a kind')
  for (let i = 0; i < 1_100; i++) await codeOf(`M-${i}`, '/')
  const many = rooms.asked()
  await codeOf('M-1', '/')
  t.equal(rooms.asked(), many + 1, 'what is remembered is bounded')
  await users.update('ann', ['dev', 'kinds'], actor)
  const later = rooms.asked()
  await codeOf('GET', '/a')
  t.equal(rooms.asked(), later + 1, 'asked again after a change')
  rooms.setPolicy((query, vote) =>
    vote.byRequest(
      (request) => request?.method,
      () => (query.request?.path === '/a' ? vote.allow('dev') : vote.deny('not_here')),
    ),
  )
  await users.update('ann', ['dev', 'ops'], actor)
  t.equal(await codeOf('GET', '/a'), 'admitted')
  t.equal(
    await codeOf('GET', '/b'),
    'not_here',
    'nothing is remembered if a policy looks at more than the kind',
  )
  rooms.setPolicy((_query, vote) => {
    vote.allow('dev')
    vote.byRequest(
      (request) => request?.method,
      (kind) => void (kind === 'PUT' && vote.deny('no_put')),
    )
    vote.byRequest(
      (request) => request?.segments?.[0],
      (kind) => void (kind === 'admin' && vote.deny('no_admin')),
    )
  })
  await users.update('ann', ['dev'], actor)
  for (let i = 0; i < 2; i++)
    for (const [method, target, code] of [
      ['GET', '/a', 'admitted'],
      ['PUT', '/a', 'no_put'],
      ['GET', '/admin', 'no_admin'],
      ['PUT', '/admin', 'no_put'],
      ['GET', '/b', 'admitted'],
    ] as const)
      t.equal(await codeOf(method, target), code, `two votes about kinds: ${method} ${target}`)
})

t.test('a policy that does not look at the request is asked once', async (t) => {
  rooms.setPolicy((_query, vote) => vote.allow('dev'))
  await users.update('ann', ['dev', 'ops'], actor)
  const asked = rooms.asked()
  for (const target of ['/a', '/b', '/c']) t.equal(await codeOf('GET', target), 'admitted')
  t.equal(rooms.asked(), asked + 1)
})

t.test('open streams are decided again by the requests that opened them', async (t) => {
  rooms.setPolicy((_query, vote) => vote.allow('dev'))
  await users.update('ann', ['dev'], actor)
  const opened = ['/events', '/admin/events', '/other'].map((target) => admit('GET', target) as Admission)
  t.strictSame(
    opened.map(({ ended }) => ended),
    [null, null, null],
  )
  rooms.setPolicy(readOnly)
  await users.update('ann', ['dev', 'ops'], actor)
  await until(() => opened.some(({ ended }) => ended !== null), 'a stream ends')
  await sessions.live.recheck()
  t.strictSame(
    opened.map(({ ended }) => ended),
    [null, 'denied', null],
  )
  for (const one of opened) one.close()
})

t.test('U223 a path has segments only if every server reads the same ones', (t) => {
  const segmentsOf = (target: string) => readAccessRequest({ method: 'GET', target }).segments
  for (const [target, segments] of [
    ['/', ['']],
    ['/a/b?c=/d', ['a', 'b']],
    ['/a/', ['a', '']],
    ['/%41%20b', ['A b']],
    ['/%C3%BC', ['ü']],
    ['/a.b/..c', ['a.b', '..c']],
  ] as const)
    t.strictSame(segmentsOf(target), segments, target)
  for (const target of [
    ...['//', '//a', '/a//b', '/.', '/..', '/a/../b', '/a/./b', '/%2e%2e/a', '/.%2E/a'],
    ...['/a%2fb', '/a%5cb', '/a\\b', '/%252e', '/a%00', '/a%0d', '/%ff', '/%c0%af', '/%zz', '/a;b', '/a%3Bb'],
  ])
    t.equal(segmentsOf(target), null, target)
  t.end()
})
