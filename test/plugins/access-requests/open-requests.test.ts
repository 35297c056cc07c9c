// together: plugin-hubs
/** Lists of a large company: no request that waits is missing, and what is locked says so. */
import t from 'tap'
import { createTestHub } from '../../../core/testing/test-hub.ts'
import { largeData } from '../../large-data.ts'
import { large } from '../../large-rows.ts'

const data = largeData({ people: 60, apps: 40, requests: 620, grants: 2, locks: 0, sessions: 5, bots: 1 })
const hub = await createTestHub({ plugins: [data.plugin] })
t.teardown(() => hub.stop())
await data.filled

interface Listed {
  readonly id: string
  readonly state: string
  readonly user: string
}

t.test('a request that waits is listed, however many newer ones there are', async (t) => {
  const all = await hub.api<Listed[]>('GET', '/access-requests')
  t.strictSame([...new Set(all.map(({ id }) => id))].length, all.length, 'none twice')
  t.strictSame(
    all.map(({ id }) => id),
    all.map(({ id }) => id).toSorted((one, other) => (one < other ? 1 : -1)),
    'the newest first',
  )
  const pending = await hub.api<Listed[]>('GET', '/access-requests?state=pending')
  t.equal(pending.length, 620)
  const page = await hub.api<{ blocks: { rows: { text: string }[][] }[] }>(
    'GET',
    '/dashboard/pages/access-requests',
  )
  const states = page.blocks[0]!.rows.map(([state]) => state!.text)
  t.equal(states.filter((state) => state === 'pending').length, 620)
  t.equal(states.lastIndexOf('pending'), 619, 'those that wait come first')
})

t.test('lists and resources show locks, and who made them', async (t) => {
  const locked = async (path: string, find: (row: never) => boolean) =>
    (await hub.api<never[]>('GET', path)).filter(find)
  const users = () => locked('/users', (row: { locked: boolean }) => row.locked)
  const apps = () => locked('/apps', (row: { status: { locked: boolean } }) => row.status.locked)
  t.strictSame([await users(), await apps()], [[], []])
  const message = 'Laptop stolen'
  const own = await hub.api<{ id: string; by: string }>('POST', '/locks', {
    target: { user: large.person(7).toUpperCase() },
    message,
  })
  t.equal(own.by, 'operator@socket')
  t.match(await hub.api('GET', '/locks'), [{ by: 'operator@socket', message }])
  await hub.api('POST', '/locks', { target: { app: large.app(3) } })
  t.match(await users(), [{ name: large.person(7) }])
  t.match(await apps(), [{ metadata: { name: large.app(3) } }])
  t.match(await hub.api('GET', `/users/${large.person(7)}`), { locked: true })
  await hub.api('DELETE', `/locks/${own.id}`)
  t.strictSame(await users(), [])
  const role = (await hub.api<{ roles: string[] }>('GET', `/users/${large.person(9)}`)).roles[0]!
  await hub.api('POST', '/locks', { target: { role } })
  t.ok((await users()).length > 1, 'a lock of a role locks everybody who has it')
})
