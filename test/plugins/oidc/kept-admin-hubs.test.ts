// needs: PostgreSQL
/** Two administrators whose provider gives the role to neither any more, and who sign in at two hubs at once: one of them keeps it. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineHubPlugin, type Users, users } from '@mezite/core'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'
import { createPostgresDatabase } from '../../../core/testing/test-database.ts'
import { until } from '../../until.ts'

t.setTimeout(120_000)

const ROUNDS = 5
const database = await createPostgresDatabase()
if (database === null) throw new Error('MEZITE_TEST_POSTGRES is not set')
t.teardown(() => database.drop())
const folder = await mkdtemp(join(tmpdir(), 'mezite-kept-admin-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const [one, two] = [join(folder, 'one'), join(folder, 'two')]

/** The users of a new hub of the cluster. */
async function start(data_dir: string): Promise<Users> {
  let known: Users | undefined
  const signer = defineHubPlugin({
    name: 'signer',
    api: 1,
    summary: 'Signs people in',
    needs: { users },
    setup({ use }) {
      known = use.users
    },
  })
  const postgres = { driver: 'postgres', url: database!.url }
  const hub = await createTestHub({
    plugins: [signer],
    config: { cluster_name: 'pair', database: postgres, data_dir },
  })
  t.teardown(() => hub.stop())
  return known!
}
const first = await start(one)
await mkdir(two, { mode: 0o700 })
await copyFile(join(one, 'encryption-key'), join(two, 'encryption-key'))
const second = await start(two)

const signIn = (hub: Users, name: string, mappedRoles: readonly string[]) =>
  hub.signIn({ name, sub: name, issuer: 'https://idp.example.com', connector: 'sso', mappedRoles })

t.test('of two who lose the role at two hubs at once, one keeps it, and both hubs know who', async (t) => {
  for (let round = 0; round < ROUNDS; round++) {
    await signIn(first, 'ann', ['admin'])
    await signIn(first, 'ben', ['admin'])
    await until(() => second.rolesOf('ben').includes('admin'), 'the second hub knows both')
    await Promise.all([signIn(first, 'ann', []), signIn(second, 'ben', [])])
    const holders = (hub: Users) =>
      ['ann', 'ben'].flatMap((name) => {
        const role = hub.rolesOf(name).includes('admin')
        return role ? [`${name} ${hub.byName(name)?.adminKept === undefined ? 'has' : 'keeps'} it`] : []
      })
    const isDone = (hub: Users) => /^\w+ keeps it$/.test(holders(hub).join())
    await until(() => isDone(first) && isDone(second), 'one keeps it')
    t.strictSame(holders(first), holders(second), `round ${round}`)
  }
})
