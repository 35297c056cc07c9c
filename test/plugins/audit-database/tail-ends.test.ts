// together: plugin-hubs
/** Whoever may read the audit trail no more does not go on following it either. */
import { text } from 'node:stream/consumers'
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { createAdminWatch } from '../../../plugins/audit-database/admin-watch.ts'
import { cell, exportEvents } from '../../../plugins/audit-database/export.ts'
import { until } from '../../until.ts'

t.test('the tail of an admin ends with a lock of the person or the role, and with the role', async (t) => {
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
  const name = 'mallory@example.com'
  issuer.person = { sub: 'm', email: name, email_verified: true }
  const visitor = hub.visitor()
  await visitor.open(`${hub.url}/`)
  await hub.api('POST', '/users', { name: 'keeper', roles: ['admin'] })
  await hub.api('PATCH', `/users/${name}`, { roles: ['admin'] })

  async function follow() {
    const stream = await visitor.stream(`${hub.url}/v1/webapi/audit/tail`)
    const tail = { text: '', ended: false, stream }
    stream.on('data', (chunk) => {
      tail.text += chunk
    })
    stream.on('error', () => {})
    stream.once('close', () => {
      tail.ended = true
    })
    await hub.api('POST', '/users', { name: `seen-${Date.now()}`, roles: [] })
    await until(() => tail.text.includes('user.created'), 'the admin follows')
    return tail
  }

  for (const target of [{ user: name }, { role: 'admin' }]) {
    const tail = await follow()
    const { id } = await hub.api<{ id: string }>('POST', '/locks', { target })
    await until(() => tail.ended, `ended by the lock of ${JSON.stringify(target)}`)
    t.pass(`ended by the lock of ${JSON.stringify(target)}`)
    await hub.api('DELETE', `/locks/${id}`)
  }
  const tail = await follow()
  await hub.api('PATCH', `/users/${name}`, { roles: [] })
  await until(() => tail.ended, 'ended with the role')
  t.pass('ended with the role')
  await t.rejects(hub.api('GET', '/audit/export?app=%00'), { status: 400, code: 'bad_request' })
})

t.test('a cell that a spreadsheet would run as a formula begins with an apostrophe', (t) => {
  for (const text of ['@SUM(1)', '=1+1', '+1', '-1', '\t1']) t.equal(cell(text), `'${text}`)
  t.equal(cell('@x,y'), `"'@x,y"`)
  for (const text of ['a@b', 'ann', '1', '']) t.equal(cell(text), text)
  t.end()
})

t.test('an export stops before the page that its reader may no longer read', async (t) => {
  const stream = exportEvents({
    database: null as never,
    filter: { from: undefined, to: undefined },
    format: 'csv',
    allowed: () => false,
  })
  await t.rejects(text(stream), /not an administrator any more/)
})

t.test('following does not extend a session, and is checked again only after a change', async (t) => {
  let asked = 0
  let applied: (touched: ReadonlyMap<string, ReadonlySet<string>> | null) => void = () => {}
  const subject = { user: 'ann', roles: ['admin'], kind: 'session', sessionId: 's1', satisfied: [] } as const
  let now: typeof subject | null = subject
  const watch = createAdminWatch({
    adminRights: { may: ({ roles }) => roles.includes('admin') },
    revisions: {
      fresh: () => true,
      onApplied(listener) {
        applied = listener
      },
    },
    sessions: { byId: () => ({}) as never, subjectOf: () => subject },
  })
  const stillAllowed = watch({
    subject,
    identifyAgain: async () => {
      asked += 1
      return now
    },
  })
  for (let poll = 0; poll < 100; poll++) stillAllowed()
  applied(new Map([['session', new Set(['s2'])]]))
  t.ok(stillAllowed())
  t.equal(asked, 1, 'for what changed while the request was let in')
  now = null
  applied(new Map([['lock', new Set(['l1'])]]))
  stillAllowed()
  await Promise.resolve()
  t.notOk(stillAllowed(), 'at the second poll after the lock')
  t.equal(asked, 2)
})

t.test(
  'a tail ends with its session or token, when the view is stale, and when its reader is unknown',
  async (t) => {
    const state = {
      fresh: true,
      session: {} as object | undefined,
      roles: ['admin'],
      again: ['admin'] as string[] | null,
    }
    let applied: (touched: ReadonlyMap<string, ReadonlySet<string>> | null) => void = () => {}
    const watch = createAdminWatch({
      adminRights: { may: ({ roles }) => roles.includes('admin') },
      revisions: {
        fresh: () => state.fresh,
        onApplied(listener) {
          applied = listener
        },
      },
      sessions: { byId: () => state.session as never, subjectOf: () => ({ roles: state.roles }) as never },
    })
    const follow = (sessionId: string | null) => {
      const kind = sessionId === null ? 'token' : 'session'
      const stillAllowed = watch({
        subject: { user: 'ann', roles: ['admin'], kind, sessionId, satisfied: [] },
        identifyAgain: async () => {
          if (state.again === null) throw new Error('the database is away')
          return { roles: state.again } as never
        },
      })
      /** What is asked at one poll counts at the next. */
      return async () => {
        stillAllowed()
        await Promise.resolve()
        await Promise.resolve()
        return stillAllowed()
      }
    }
    const before = { ...state }
    for (const [what, id, then, touched] of [
      ['the session is over', 's1', { session: undefined }, null],
      ['the role is gone', 's1', { roles: [] }, null],
      ['the view is old', 's1', { fresh: false }, null],
      ['a lock of a role that the person has just got', 's1', { again: [] }, 'user'],
      ['a lock', 's1', { again: [] }, 'lock'],
      ['nobody can tell who it is', 's1', { again: null }, 'user'],
      ['the token is removed', null, { again: [] }, null],
      ['nobody can tell whose token it is', null, { again: null }, null],
    ] as const) {
      const allowed = follow(id)
      t.ok(await allowed(), `before: ${what}`)
      Object.assign(state, then)
      if (touched !== null) applied(new Map([[touched, new Set(['x'])]]))
      t.notOk(await allowed(), what)
      Object.assign(state, before)
    }
  },
)
