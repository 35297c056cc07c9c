// together: mezctl
import t from 'tap'
import { startFakeHub } from './fake-hub.ts'
import { runMezctl } from './run-program.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
const mezctl = (line: string) => runMezctl(line.split(' '), { MEZITE_DATA_DIR: hub.dir })

t.test('each filter of audit ls is a parameter of the request', async (t) => {
  await mezctl(
    'audit ls --type access.denied --user bob --app wiki --agent node-1 --request r1 --session s1 --ip ::1 --reason locked --from 2026-11-25 --to 2026-11-26',
  )
  const { searchParams } = new URL(hub.seen.at(-1)!.url, 'http://hub')
  t.strictSame(Object.fromEntries(searchParams), {
    type: 'access.denied',
    user: 'bob',
    app: 'wiki',
    agent: 'node-1',
    request: 'r1',
    session: 's1',
    ip: '::1',
    reason: 'locked',
    limit: '101',
    from: '2026-11-25T00:00:00.000Z',
    to: '2026-11-26T00:00:00.000Z',
  })
})

t.test('audit ls --changes, --by and whole days are parameters of the request', async (t) => {
  const asked = async (line: string) => {
    t.match(await mezctl(line), { code: 0, err: '' }, line)
    const { searchParams } = new URL(hub.seen.at(-1)!.url, 'http://hub')
    const { limit: _, ...parameters } = Object.fromEntries(searchParams)
    return parameters
  }
  const day = (back: number) =>
    `${new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10)}T00:00:00.000Z`
  t.strictSame(await asked('audit ls --changes'), { changes: 'true' })
  t.strictSame(await asked('audit ls --by bob'), { user: 'bob' })
  t.strictSame(await asked('audit ls --from yesterday --to today'), { from: day(1), to: day(0) })
  t.strictSame(await asked('audit ls --changes --by bob --from yesterday'), {
    user: 'bob',
    changes: 'true',
    from: day(1),
  })
  for (const line of ['audit ls --by bob --user bob', 'audit ls --changes --type role.created'])
    t.match(await mezctl(line), { code: 2, err: /MEZ_USAGE_WRONG/ }, line)
})

t.test('audit ls shows which role was changed, in events of earlier versions too', async (t) => {
  const at = { time: '2026-11-25T08:00:00.000Z', user: 'operator@socket', success: true }
  hub.events.push(
    { ...at, id: 'e1', type: 'role.created', role: 'platform' },
    { ...at, id: 'e2', type: 'role.deleted', role: 'platform', name: 'platform' },
  )
  const { code, out } = await mezctl('audit ls')
  t.equal(code, 0)
  t.match(out, /role\.created .* platform *\n/)
  t.match(out, /role\.deleted .* platform *\n/)
  hub.events.length = 0
})

t.test('audit ls shows the target of a lock and of a revoked session', async (t) => {
  const at = { time: '2026-11-25T08:00:00.000Z', user: 'operator@socket', success: true }
  hub.events.push(
    { ...at, id: 'e1', type: 'lock.created', name: 'l1', target_kind: 'user', target: 'bob' },
    { ...at, id: 'e2', type: 'session.revoked', name: 's1', session_user: 'carol', connector: 'sso' },
  )
  const { out } = await mezctl('audit ls')
  t.match(out, /lock\.created .* user bob *\n/)
  t.match(out, /session\.revoked .* carol *\n/)
  hub.events.length = 0
})

t.test(
  'audit ls --operation shows requests with such an operation, those of a batch among them',
  async (t) => {
    const at = { time: '2026-11-25T08:00:00.000Z', type: 'app.request', user: 'ann', success: true }
    hub.events.push(
      { ...at, id: 'e1', operation: 'tools/call:search_docs' },
      { ...at, id: 'e2', operation: 'tools/list, tools/call:search_code' },
      { ...at, id: 'e3', operation: 'tools/call:delete_all' },
      { ...at, id: 'e4' },
    )
    const idsOf = async (pattern: string) => {
      const { out } = await mezctl(`audit ls --json --operation ${pattern}`)
      return (JSON.parse(out) as { id: string }[]).map(({ id }) => id)
    }
    t.strictSame((await idsOf('tools/call:search_*')).sort(), ['e1', 'e2'])
    t.strictSame(await idsOf('tools/call:*_all'), ['e3'])
    t.strictSame(await idsOf('tools/list'), ['e2'])
    t.strictSame(await idsOf('tools/call'), [])
    hub.events.length = 0
  },
)
