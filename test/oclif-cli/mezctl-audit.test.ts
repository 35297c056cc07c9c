import t from 'tap'
import { startFakeHub } from './fake-hub.ts'
import { runMezctl } from './run-program.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
const mezctl = (line: string) => runMezctl(line.split(' '), { MEZITE_DATA_DIR: hub.dir })

t.test('audit ls says which role was changed, in events of before too', async (t) => {
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

t.test('audit ls says whom a lock and a revoked session hit', async (t) => {
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
