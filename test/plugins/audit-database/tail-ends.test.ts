/** Whoever may read the audit trail no more does not go on following it either. */
import { createTestHub, FakeIssuer } from '@mezite/core/testing'
import t from 'tap'
import { createAdminWatch } from '../../../plugins/audit-database/watch-admin.ts'
import { until } from '../../until.ts'

const WITHIN_MS = 20_000

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
    await until(() => tail.text.includes('user.created'), 'the admin follows', WITHIN_MS)
    return tail
  }

  for (const target of [{ user: name }, { role: 'admin' }]) {
    const tail = await follow()
    const { id } = await hub.api<{ id: string }>('POST', '/locks', { target })
    await until(() => tail.ended, `ended by the lock of ${JSON.stringify(target)}`, WITHIN_MS)
    t.pass(`ended by the lock of ${JSON.stringify(target)}`)
    await hub.api('DELETE', `/locks/${id}`)
  }
  const tail = await follow()
  await hub.api('PATCH', `/users/${name}`, { roles: [] })
  await until(() => tail.ended, 'ended with the role', WITHIN_MS)
  t.pass('ended with the role')
})

t.test('following is no use of a session: who follows is asked for again only after a change', async (t) => {
  let asked = 0
  let applied: (touched: ReadonlyMap<string, ReadonlySet<string>> | null) => void = () => {}
  const subject = { user: 'ann', roles: ['admin'], kind: 'session', sessionId: 's1', satisfied: [] } as const
  let now: typeof subject | null = subject
  const watch = createAdminWatch({
    changes: {
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
