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
  ...{ kind: 'hub', user: 'ann', clientIp: '10.0.0.9', expires: clock.now() + 3_600_000 },
})
sessions.start()
t.teardown(() => rooms.stop())

const admit = (method: string, target: string) =>
  access.admit({
    ...{ who: { kind: 'hub', sessionId: session.id }, app, protocol: 'http', clientIp: '10.0.0.9' },
    ...{ requestId: 'r', request: { method, target } },
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

t.test('a decision by the request is remembered for this request alone', async (t) => {
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
    t.equal(rooms.asked(), asked, 'from memory')
  }
  const asked = rooms.asked()
  for (let i = 0; i < 300; i++) await codeOf('GET', `/${i}`)
  t.equal(await codeOf('DELETE', '/a?b'), 'request_not_allowed')
  t.equal(rooms.asked(), asked + 301, 'the memory is bounded')
  t.strictSame(
    (await access.visible(sessions.subjectOf(session)!, '10.0.0.9')).map(({ app }) => app.name),
    ['wiki'],
    'a list has no request',
  )
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
