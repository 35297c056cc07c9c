// together: rooms
import type { Session } from '@mezite/core'
import Fastify from 'fastify'
import { sql } from 'kysely'
import t from 'tap'
import { createCutReports } from '../../../core/gate/sessions/cut-reports.ts'
import { loneHub } from '../../../core/hub/lone-hub.ts'
import { MemoryTunnel } from '../../../core/testing/index.ts'
import { reportCuts } from '../../../core/web/server/cut-response.ts'
import { sendError } from '../../../core/web/server/error-response.ts'
import { writeInTurns } from '../../../core/web/server/long-response.ts'
import { checkSchemas } from '../../../core/web/server/schema-check.ts'
import { appRoutes } from '../../../plugins/web-api/app-routes.ts'
import { sessionRoutes } from '../../../plugins/web-api/session-routes.ts'
import { userRoutes } from '../../../plugins/web-api/user-routes.ts'
import { actor, appBody, operator, quiet, startRooms } from '../../gate/sessions/start-rooms.ts'

t.test('the routes of apps, users, sessions and locks read and change them', async (t) => {
  const rooms = await startRooms()
  const web = Fastify()
  t.teardown(async () => {
    await web.close()
    await rooms.stop()
  })
  const { catalog, users, sessions, locks, requirements } = rooms
  const here = { instanceId: 'hub', version: '0', log: quiet }
  const registry = loneHub.createRegistry(here)
  reportCuts(web, createCutReports({ ...rooms, ...here, registry }))
  web.setValidatorCompiler(checkSchemas)
  writeInTurns(web)
  web.setErrorHandler((error, request, reply) =>
    sendError(error, request, reply, { log: quiet, renderError: () => '', audit: { record: () => {} } }),
  )
  web.decorateRequest('actor', { getter: () => actor })
  // An operator has every right.
  web.decorateRequest('mayRow', null)
  web.decorateRequest('requireRow', () => {})
  web.addHook('onRequest', async (request) => {
    request.subject = operator
    request.clientIp = ''
  })
  const tunnel = new MemoryTunnel()
  const apps = { ...catalog, probe: async () => ({ ok: true, reason: null, error: null, ms: 0 }) }
  const hubState = {
    links: () => tunnel.links(),
    stateOf: tunnel.stateOf.bind(tunnel),
    lastError: () => null,
    confirmed: ({ satisfied }: Pick<Session, 'satisfied'>) =>
      satisfied.some(({ name }) => requirements.get(name)?.mfa === true),
    certificateOf: () => ({ state: 'valid', error: null }) as const,
  }
  for (const part of [
    appRoutes({ administration: { apps }, catalog, hubState, locks, sessions }),
    userRoutes({ administration: { users }, users, grants: rooms.grants.service, locks, catalog }),
    sessionRoutes({ sessions, catalog, hubState }),
    locks.routes,
  ]) {
    await web.register(part.routes, { prefix: part.prefix })
  }
  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    payload?: object,
  ) => {
    const answer = await web.inject({ method, url: `/v1/webapi${path}`, ...(payload ? { payload } : {}) })
    return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() }
  }

  t.match(await call('POST', '/apps', appBody('one', { agents: ['node-1'] })), { status: 201 })
  t.match(await call('POST', '/apps', appBody('one')), { status: 409, body: { code: 'app_exists' } })
  t.match(await call('PUT', '/apps/one', appBody('one', { agents: ['node-1'] })), {
    status: 200,
    body: { created: false, resource: { kind: 'app' } },
  })
  t.match(await call('PUT', '/apps/two', appBody('one')), { status: 400, body: { code: 'resource_invalid' } })
  t.match(await call('GET', '/apps/one'), {
    body: {
      spec: { public_addr: 'one.apps.example.com' },
      status: { agents: [{ hostname: 'node-1', connected: true }] },
    },
  })
  t.match(await call('PUT', '/apps/one/agents/Node-2'), { body: { spec: { agents: ['node-1', 'node-2'] } } })
  t.match(await call('DELETE', '/apps/one/agents/node-2'), { body: { spec: { agents: ['node-1'] } } })
  t.match(await call('DELETE', '/apps/one/agents/node-2'), { status: 404 })
  t.match(await call('GET', '/apps/none'), { status: 404, body: { code: 'app_not_found' } })

  t.match(await call('POST', '/users', { name: 'ann', roles: ['dev'] }), {
    status: 201,
    body: { roles: ['dev'] },
  })
  t.match(await call('POST', '/users', { name: 'ann', roles: [] }), { status: 409 })
  t.match(await call('POST', '/users', { name: 'a,b', roles: [] }), {
    status: 400,
    body: { code: 'user_name_invalid' },
  })
  t.match(await call('POST', '/users', { name: 'x', roles: ['Not A Role'] }), { status: 400 })
  t.match(await call('PATCH', '/users/ann', { roles: ['Not A Role'] }), { status: 400 })
  t.match(await call('POST', '/users', { name: 'x'.repeat(4_097), roles: [] }), { status: 400 })
  const many = Array.from({ length: 201 }, (_, at) => `role-${at}`)
  t.match(await call('PATCH', '/users/ann', { roles: many }), { status: 400 })
  t.match(await call('GET', '/users/nobody'), { status: 404, body: { code: 'user_not_found' } })
  t.match(await call('PATCH', '/users/ann', { roles: ['dev', 'ops'] }), { body: { roles: ['dev', 'ops'] } })

  const open = async () => {
    const { session } = await sessions.open({
      kind: 'hub',
      user: 'ann',
      clientIp: '10.0.0.1',
      expires: rooms.clock.now() + 60_000,
    })
    const app = catalog.byName('one')!
    const context = { protocol: 'http', clientIp: '' } as const
    sessions.live.add({ session, app, agent: null, context, index: -1, cut() {} })
    return session
  }
  const first = await open()
  t.match(await call('GET', '/sessions?user=ann'), {
    body: [{ id: first.id, streams: 1, mfa: false, app: null }],
  })
  t.same((await call('GET', '/sessions?user=bob')).body, [])
  const appId = catalog.byName('one')!.id
  const { session: beside } = await sessions.open({
    kind: 'app',
    user: 'ann',
    clientIp: '',
    expires: first.expires,
    appId,
    parentId: first.id,
    satisfied: [{ name: 'session-mfa', level: 'webauthn', appId, at: 0 }],
  })
  t.match(await call('GET', '/sessions?app=one'), { body: [{ id: beside.id, app: 'one', mfa: true }] })
  t.equal((await call('GET', '/sessions?app=one')).body.length, 1)
  t.equal((await call('GET', '/sessions?app=two')).body.length, 0)
  t.equal((await call('GET', '/sessions?user=ann')).body.length, 2)
  t.match(await call('GET', '/sessions?who=ann'), { status: 400 })
  const { session: held } = await sessions.open({
    kind: 'token',
    user: 'ann',
    clientIp: '',
    expires: first.expires,
    apps: [appId],
    client: 'Docker client',
  })
  const [ofProgram, ...others] = (await call('GET', '/sessions?program=docker')).body
  t.match(ofProgram, { id: held.id, kind: 'token', app: null, apps: ['one'], program: 'Docker client' })
  t.strictSame(others, [], 'programs alone')
  t.equal((await call('GET', '/sessions?program=browser')).body.length, 0)
  t.ok((await call('GET', '/sessions?app=one')).body.some(({ id }: { id: string }) => id === held.id))
  await call('DELETE', `/sessions/${held.id}`)
  t.match(await call('DELETE', `/sessions/${first.id}`), { body: { cut: { streams: 1, sessions: 2 } } })
  t.match(await call('DELETE', `/sessions/${first.id}`), { status: 404 })

  for (const query of ['', '?user=ann&app=one', '?all=false', '?user='])
    t.match(await call('DELETE', `/sessions${query}`), { status: 400 }, `it says whose: ${query}`)
  await open()
  t.match(await call('DELETE', '/sessions?user=bob'), { body: { cut: { sessions: 0, streams: 0 } } })
  t.match(await call('DELETE', '/sessions?user=ann'), { body: { revoked: true, cut: { streams: 1 } } })
  t.strictSame((await call('GET', '/sessions?user=ann')).body, [])
  await open()
  t.match(await call('DELETE', '/sessions?all=true'), { body: { cut: { streams: 1 } } })
  t.strictSame((await call('GET', '/sessions')).body, [])

  await open()
  const locked = await call('POST', '/locks', { target: { user: 'ann' }, ttl_seconds: 60, message: 'm' })
  t.match(locked, { status: 201, body: { target: { user: 'ann' }, message: 'm', cut: { streams: 1 } } })
  t.match(await call('POST', '/locks', { target: { user: 'a', app: 'b' } }), { status: 400 })
  t.match(await call('POST', '/locks', { target: {} }), { status: 400 })
  t.equal(Date.parse(locked.body.expires) - Date.parse(locked.body.created), 60_000)
  const long = 'x'.repeat(1_025)
  for (const more of [
    ...[{ ttl_seconds: 0 }, { ttl_seconds: 1.5 }, { ttl_seconds: 315_360_001 }, { message: long }],
    ...[{ target: { session: '' } }, { target: { session: long } }, { target: { host: 'a' } }, { user: 'a' }],
  ])
    t.match(await call('POST', '/locks', { target: { session: 'a' }, ...more }), { status: 400 })
  const impossible = [
    ...[
      { app: 'Wiki' },
      { app: 'wiki ' },
      { app: '*' },
      { role: 'Temp ' },
      { role: 'a,b' },
      { user: ' ann' },
    ],
    ...[{ user: 'operator@socket' }, { user: 'token:A b' }, { agent: 'node 1' }],
  ]
  for (const target of impossible) {
    const refused = { status: 400, body: { code: 'lock_target_invalid', detail: /must be the .*name of/ } }
    t.match(await call('POST', '/locks', { target }), refused, JSON.stringify(target))
  }
  t.equal((await call('GET', '/locks')).body.length, 1)
  t.match(await call('DELETE', `/locks/${locked.body.id}`), { status: 200 })
  t.match(await call('DELETE', `/locks/${locked.body.id}`), { status: 404 })

  await open()
  t.match(await call('POST', '/apps/one/disable'), {
    body: { spec: { enabled: false }, cut: { streams: 1 } },
  })
  t.match(await call('POST', '/apps/one/enable'), { body: { spec: { enabled: true } } })

  // What a lock stops for now ends as well, or it would live again for whoever has the name by then.
  const [revoked, left] = [await open(), await open()]
  const stops = []
  for (const { id } of [revoked, left]) stops.push(await call('POST', '/locks', { target: { session: id } }))
  t.equal((await call('GET', '/sessions?user=ann')).body.length, 4, 'locked ones are listed')
  t.match(await call('DELETE', `/sessions/${revoked.id}`), { body: { cut: { sessions: 1 } } })
  await call('POST', '/users', { name: 'ben', roles: [] })
  const given = { kind: 'hub', user: 'ben', clientIp: '', expires: rooms.clock.now() + 60_000 } as const
  const { session: bens } = await sessions.open(given)
  rooms.events.length = 0
  t.match(await call('DELETE', '/users/ann'), { body: { removed: true, cut: { sessions: 3 } } })
  const ends = rooms.events.filter(({ type }) => type === 'session.revoked')
  const fields = { session_user: 'ann', end_reason: 'user_deleted' }
  t.match(ends, Array(3).fill({ user: operator.user, fields }), 'by whoever removed the person')
  t.ok(sessions.byId(bens.id), 'those of others stay')
  t.match(await call('POST', '/users/ben/relink'), { body: { name: 'ben', cut: { sessions: 1 } } })
  t.equal(sessions.byId(bens.id), undefined)
  await call('DELETE', '/users/ben')
  for (const { body } of stops) await call('DELETE', `/locks/${body.id}`)

  // A person is removed with all sessions, or not at all: those that stayed would live again with the same identity.
  const kim = { name: 'Kim', issuer: 'https://idp', sub: 'kim', connector: 'sso', mappedRoles: [] }
  await users.signIn(kim)
  const { session: kims } = await sessions.open({ ...given, user: 'Kim' })
  await sql`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$`.execute(rooms.db)
  const refusing = sql`CREATE TRIGGER refuse BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION refuse()`
  await refusing.execute(rooms.db)
  for (const [method, path] of [
    ['DELETE', '/users/kim'],
    ['POST', '/users/kim/relink'],
  ] as const)
    t.match(await call(method, path), { status: 503, body: { code: 'database_full' } }, path)
  t.match(await call('GET', '/users/kim'), { status: 200, body: { identity: { sub: 'kim' } } })
  t.ok(sessions.subjectOf(kims))
  await sql`DROP TRIGGER refuse ON sessions`.execute(rooms.db)
  t.match(await call('POST', '/users/kim/relink'), { body: { identity: null, cut: { sessions: 1 } } })
  await users.signIn(kim)
  t.equal(sessions.byId(kims.id), undefined, 'the same identity takes the name again')
  await call('DELETE', '/users/kim')

  await call('POST', '/users', { name: 'ann', roles: [] })
  t.same((await call('GET', '/sessions?user=ann')).body, [])
  t.equal(sessions.byId(left.id), undefined)
  await call('DELETE', '/users/ann')
  t.match(await call('DELETE', '/apps/one'), { body: { removed: true } })
  t.match(await call('GET', '/users'), { body: { length: 0 } })
})
