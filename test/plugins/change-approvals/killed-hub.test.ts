// long
// needs: PostgreSQL
/** Approved changes whose hub is killed, or whose people lose their rights, while they are made: never twice, and never without the right. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { Visitor } from '@mezite/core/testing'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createPostgresDatabase } from '../../../core/testing/test-database.ts'
import { until } from '../../until.ts'
import { type Answer, role, startApprovalHub } from './start-approval-hub.ts'

t.setTimeout(300_000)

const RULES = { require_approval: ['role.update', 'api-token.create', 'session.end'] }
const PROGRAM = join(import.meta.dirname, 'approval-hub.ts')
/** Of the lock of the database at which the hub stands when it is killed. */
const PLACE = 391_139
const TWO_MINUTES_MS = 2 * 60_000
const ELEVEN_MINUTES_MS = 11 * 60_000

const database = await createPostgresDatabase()
if (database === null) throw new Error('MEZITE_TEST_POSTGRES is not set')
t.teardown(() => database.drop())
const folder = await mkdtemp(join(tmpdir(), 'mezite-killed-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const settings = (data_dir: string) => ({
  ...{ cluster_name: 'pair', database: { driver: 'postgres', url: database.url }, data_dir },
})
const [one, two] = [join(folder, 'one'), join(folder, 'two')]
const first = await startApprovalHub(RULES, { config: settings(one) })
t.teardown(() => first.stop())
await mkdir(two, { mode: 0o700 })
await copyFile(join(one, 'encryption-key'), join(two, 'encryption-key'))
const sql = new pg.Client({ connectionString: database.url })
await sql.connect()
t.teardown(() => sql.end())
/** Beside the one that holds the lock. */
const sql2 = new pg.Client({ connectionString: database.url })
await sql2.connect()
t.teardown(() => sql2.end())
await first.connect()
const ann = await first.signIn('ann', ['admin'])
const bob = await first.signIn('bob', ['admin'])

/** Another hub of the cluster, as a process; started again, it is the same one. */
async function startSecond() {
  const child = spawn(
    process.execPath,
    [...process.execArgv, PROGRAM, JSON.stringify({ plugin: RULES, config: settings(two) })],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, TMPDIR: folder } },
  )
  const ended = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  child.stdin.on('error', () => {})
  const [line] = await once(createInterface(child.stdout), 'line')
  const { url, ca } = JSON.parse(line) as { url: string; ca: string }
  return {
    /** Null: the hub was killed before it answered. */
    approve: async (id: string) => {
      const headers = { accept: 'application/json', authorization: `Bearer ${bob}` }
      const asked = new Visitor(ca).fetch(`${url}/v1/webapi/changes/${id}/approve`, {
        method: 'POST',
        headers,
      })
      const answer = await asked.catch(() => null)
      return answer && { status: answer.status, code: JSON.parse(answer.text).code as string | undefined }
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Lets hubs stand where the trigger says, runs `meanwhile` as soon as one does, and lets it go on. */
async function standing(
  trigger: string,
  start: () => unknown,
  meanwhile: () => Promise<void>,
): Promise<void> {
  await sql.query('SELECT pg_advisory_lock($1)', [PLACE])
  await sql.query(`CREATE OR REPLACE FUNCTION stand_here() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(${PLACE}); RETURN NEW; END $$`)
  await sql.query(`CREATE TRIGGER here ${trigger} EXECUTE FUNCTION stand_here()`)
  start()
  const waiting = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = ${PLACE} AND NOT granted`
  await until(async () => (await sql.query(waiting)).rowCount === 1, 'the hub stands at the place', 30_000)
  await meanwhile()
  await sql.query('SELECT pg_advisory_unlock($1)', [PLACE])
  const [, table] = / ON (\w+)/.exec(trigger) ?? []
  await sql.query(`DROP TRIGGER here ON ${table}`)
}

/** Approves the change at another hub, and kills this hub when it writes what the trigger is about. */
async function killAt(t: Test, id: string, trigger: string): Promise<void> {
  const second = await startSecond()
  let answer: ReturnType<typeof second.approve> | undefined
  await standing(
    trigger,
    () => {
      answer = second.approve(id)
    },
    second.kill,
  )
  t.equal(await answer, null, 'nobody was told that the change was made')
}

const ask = async (method: string, path: string, body?: object): Promise<string> => {
  const asked = await first.call(ann, method, path, body)
  if (asked.code !== 'approval_required') throw new Error(`${asked.status} ${asked.code}`)
  return asked.change
}
const token = (name: string) => ask('POST', '/api-tokens', { name, roles: ['admin'] })
const made = async (name: string) =>
  (await first.events('token.created')).filter((one) => one.name === name).length
const stateOf = async (id: string) => (await first.call(bob, 'GET', `/changes/${id}`)).value.state as string
/** Changes whose hub was killed after they were begun, with the state that says what became of each. */
const cutOff: (readonly [id: string, state: 'done' | 'failed'])[] = []
const AT_STATE = (state: string) =>
  `BEFORE UPDATE ON change_approvals FOR EACH ROW WHEN (NEW.state = '${state}')`

t.test('killed before the approval is stored: the change still waits, and can be approved', async (t) => {
  const id = await token('early')
  await killAt(t, id, AT_STATE('started'))
  t.equal(await stateOf(id), 'pending')
  t.equal(await made('early'), 0)
  const restarted = await startSecond()
  t.match(await restarted.approve(id), { status: 200 })
  await restarted.kill()
  t.equal(await made('early'), 1)
  t.match(await first.approve(bob, id), { status: 409, code: 'change_not_open' })
  t.equal(await made('early'), 1)
})

t.test(
  'killed while it makes the change: nothing was made, and the same change is not made again',
  async (t) => {
    const id = await token('within')
    await killAt(t, id, 'BEFORE INSERT ON api_tokens FOR EACH ROW')
    t.equal(await stateOf(id), 'running')
    t.equal(await made('within'), 0)
    const restarted = await startSecond()
    t.match(await restarted.approve(id), { status: 409, code: 'change_not_open' })
    await restarted.kill()
    t.match(await first.approve(bob, id), { status: 409, code: 'change_not_open' })
    t.equal(await made('within'), 0)
    const again = await token('within')
    t.not(again, id, 'it can be asked for again')
    t.match(await first.approve(bob, again), { status: 200, value: { state: 'done' } })
    t.equal(await made('within'), 1)
    cutOff.push([id, 'failed'])
  },
)

t.test(
  'killed before the end is stored: the change was made, and the same change is not made again',
  async (t) => {
    const id = await token('late')
    await killAt(t, id, AT_STATE('done'))
    t.equal(await stateOf(id), 'running')
    t.equal(await made('late'), 1)
    const restarted = await startSecond()
    t.match(await restarted.approve(id), { status: 409, code: 'change_not_open' })
    await restarted.kill()
    const again = await token('late')
    t.match(await first.approve(bob, again), { status: 409 }, 'the name of a token is taken')
    t.equal(await made('late'), 1)
    cutOff.push([id, 'done'])
  },
)

t.test(
  'killed before the end of a saved document is stored: asked for again, it changes nothing',
  async (t) => {
    const document = role('late', [], { app_labels: { team: 'a' } })
    const id = await ask('PUT', '/roles/late', document)
    await killAt(t, id, AT_STATE('done'))
    t.match((await first.call(ann, 'GET', '/roles/late')).value, document)
    const again = await ask('PUT', '/roles/late', document)
    t.same(
      (await first.call(bob, 'GET', `/changes/${again}`)).value.difference,
      [],
      'the page shows that it was made',
    )
    t.match(await first.approve(bob, again), { status: 200, value: { state: 'done' } })
    cutOff.push([id, 'done'])
  },
)

for (const [who, name] of [
  ['the person who asked', 'ann'],
  ['the person who approves', 'bob'],
] as const)
  t.test(`${who} loses the right after the approval and before the change: nothing is made`, async (t) => {
    const id = await token(`lost-${name}`)
    const account = `/users/${name}%40example.com`
    let answer: Promise<Answer> | undefined
    let removed: Promise<unknown> | undefined
    await standing(
      AT_STATE('started'),
      () => {
        answer = first.approve(bob, id)
      },
      async () => {
        // It has its turn after the approval, and before the change.
        removed = first.hub.api('PATCH', account, { roles: ['auditor'] })
        await setTimeout(200)
      },
    )
    t.match(await answer, { status: 403, code: 'access_denied' })
    await removed
    t.equal(await made(`lost-${name}`), 0)
    await first.hub.api('PATCH', account, { roles: ['admin'] })
    t.match(await first.approve(bob, id), { status: 409, code: 'change_not_open' })
    t.match((await first.call(bob, 'GET', `/changes/${id}`)).value, {
      state: 'failed',
      problem: 'access_denied',
    })
  })

t.test('a change that somebody read as failed is not made by a hub that was only slow', async (t) => {
  const id = await token('slow')
  let answer: Promise<Answer> | undefined
  let ended: Promise<unknown> | undefined
  await standing(
    AT_STATE('started'),
    () => {
      answer = first.approve(bob, id)
    },
    async () => {
      // It has its turn after the approval, and before the change.
      ended = sql2.query(`UPDATE change_approvals SET state = 'failed' WHERE id = $1`, [id])
      await setTimeout(200)
    },
  )
  await ended
  t.match(await answer, { status: 409, code: 'change_not_open' })
  t.equal(await made('slow'), 0)
  t.equal(await stateOf(id), 'failed')
})

/** Lets the changes be as old as if their hub had ended then. */
const age = (ids: readonly string[], ms: number) =>
  sql.query('UPDATE change_approvals SET decided = decided - $1 WHERE id = ANY($2)', [ms, ids])

t.test(
  'the state of each says whether it was made, and it is over, a minute after its hub ended',
  async (t) => {
    await first.signIn('zoe', ['access'])
    const all = await first.hub.api<{ id: string; user: string }[]>('GET', '/sessions')
    const session = all.find(({ user }) => user === 'zoe@example.com')
    const unstored = await ask('DELETE', `/sessions/${session?.id}`)
    await killAt(t, unstored, AT_STATE('done'))
    await age([unstored, ...cutOff.map(([id]) => id)], TWO_MINUTES_MS)
    for (const [id, state] of cutOff) {
      await until(async () => (await stateOf(id)) !== 'running', 'a hub closes what was cut off', 90_000)
      t.match((await first.call(bob, 'GET', `/changes/${id}`)).value, { state, problem: 'hub_ended' })
      t.match(await first.approve(bob, id), { status: 409, code: 'change_not_open' })
      t.equal((await first.events(`change.${state}`)).filter(({ change }) => change === id).length, 1)
    }

    t.equal(await stateOf(unstored), 'running', 'the end of a session leaves no trace, and may take longer')
    await age([unstored], ELEVEN_MINUTES_MS)
    await until(async () => (await stateOf(unstored)) !== 'running', 'a hub closes it as well', 90_000)
    t.match((await first.call(bob, 'GET', `/changes/${unstored}`)).value, {
      ...{ state: 'unclear', problem: 'hub_ended' },
    })
  },
)
