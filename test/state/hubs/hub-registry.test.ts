// long
/** Which hubs live, and where each is reached, as the hubs of one PostgreSQL server tell each other. */
import { sql } from 'kysely'
import t from 'tap'
import { ownAddress } from '../../../core/hub/own-address.ts'
import { systemClock } from '../../../core/kernel/clock.ts'
import { createRegistry } from '../../../core/state/hubs/hub-registry.ts'
import { hubsMigrations } from '../../../core/state/hubs/migrations.ts'
import { createSecretBox } from '../../../core/state/secrets/secret-box.ts'
import { createPeers } from '../../../core/traffic/relay/peers.ts'
import { until } from '../../until.ts'
import { ownPostgresStore } from '../database/postgres-stores.ts'
import { keptLog, open } from '../database/stores.ts'

const store = await ownPostgresStore()
t.teardown(() => store.close())
const config = await store.config()

async function startHub(instanceId: string) {
  const database = await open(config)
  await database.migrate([hubsMigrations])
  const log = keptLog()
  let [hints, hear] = [0, () => {}]
  const registry = createRegistry({
    ...database,
    instanceId,
    version: '0',
    clock: systemClock,
    log,
    notify(channel) {
      hints += 1
      return database.notify(channel)
    },
    listen(channel, listener) {
      hear = () => listener('')
      return database.listen(channel, listener)
    },
  })
  await registry.start()
  let revisions = 0
  registry.onChanged(() => {
    revisions += 1
  })
  const stop = async () => {
    await registry.stop()
    await database.close()
  }
  t.teardown(() => database.close())
  return { registry, database, log, stop, revisions: () => revisions, hints: () => hints, hear: () => hear() }
}

t.test(
  'a hub is reached once it reports its address, and no longer when it withdraws it, stops or falls silent',
  async (t) => {
    const [a, b] = [await startHub('hub-a'), await startHub('hub-b')]
    await a.registry.announce('10.0.0.1:443')
    await until(() => b.registry.reachable.size === 1, 'the other hub knows at once')
    t.same([...b.registry.reachable], [['hub-a', '10.0.0.1:443']])
    await b.registry.announce('[fd00::2]:3080')
    await until(() => a.registry.reachable.size === 2, 'both know both')
    t.equal(a.registry.reachable.get('hub-b'), '[fd00::2]:3080')
    const peers = createPeers({
      registry: a.registry,
      secretBox: createSecretBox(Buffer.alloc(32)),
      instanceId: 'hub-a',
      clock: systemClock,
    })
    t.same(peers.addressOf('hub-b'), { host: 'fd00::2', port: 3080 })
    t.equal(peers.addressOf('hub-c'), null)

    const told = b.revisions()
    await a.registry.announce(null)
    await until(() => !b.registry.reachable.has('hub-a'), 'a hub that stops is no longer reached')
    t.equal((await b.registry.list()).length, 2, 'though it lives')
    t.ok(b.revisions() > told)
    await a.registry.announce('10.0.0.1:443')
    await until(() => b.registry.reachable.has('hub-a'), 'it is back')
    const before = b.revisions()
    await a.registry.announce('10.0.0.2:443')
    await until(() => b.registry.reachable.get('hub-a') === '10.0.0.2:443', 'it is reached elsewhere')
    t.ok(b.revisions() > before)

    // As one that was killed.
    await a.stop()
    await sql`INSERT INTO hubs (id, version, address, seen)
    VALUES ('hub-a', '0', '10.0.0.1:443', now() - interval '4 seconds')`.execute(b.database.db)
    await b.registry.announce('[fd00::2]:3080')
    t.ok(b.registry.reachable.has('hub-a'), 'a moment of silence is nothing')
    const known = b.revisions()
    const ms = await until(() => !b.registry.reachable.has('hub-a'), 'ten seconds are')
    t.ok(ms > 4_000, `gone ${ms} ms later`)
    t.equal(b.revisions(), known + 1, 'and nobody is told of what is as before')
    await b.stop()
  },
)

t.test(
  'a hub always lists itself, reports its address at once, and is gone once it has stopped',
  async (t) => {
    const { registry, database, hints } = await startHub('hub-y')
    await registry.announce('10.0.0.9:443')
    t.equal(hints(), 1)
    const rows = sql<{ id: string }>`SELECT id FROM hubs WHERE id = 'hub-y'`
    await sql`DELETE FROM hubs WHERE id = 'hub-y'`.execute(database.db)
    t.match(
      (await registry.list()).filter(({ id }) => id === 'hub-y'),
      [{ address: '10.0.0.9:443' }],
    )
    const saying = registry.report({ after: 0, n: 1, streams: 1 })
    await registry.stop()
    await saying
    await registry.announce('10.0.0.9:443')
    await registry.report({ after: 1, n: 2, streams: 1 })
    t.same((await rows.execute(database.db)).rows, [])
  },
)

t.test(
  'with more than four hubs an agent has links to three, unless one of them does not relay',
  async (t) => {
    const { registry, database, revisions } = await startHub('hub-1')
    await registry.announce('10.0.0.1:443')
    const add = (id: string) =>
      sql`INSERT INTO hubs (id, version, address, relays, seen)
        VALUES (${id}, '0', ${`10.0.0.2:443`}, true, now() + interval '1 hour')`.execute(database.db)
    for (const id of ['hub-2', 'hub-3', 'hub-4']) await add(id)
    await until(() => registry.reachable.size === 4, 'four are known')
    t.equal(registry.relays, false)
    t.equal(registry.hubsOf('node-1').size, 4)
    await add('hub-5')
    await until(() => registry.relays, 'five are known')
    t.equal(registry.hubsOf('node-1').size, 3)
    const before = revisions()
    await sql`UPDATE hubs SET relays = false WHERE id = 'hub-5'`.execute(database.db)
    await until(() => !registry.relays, 'one of them is of an older version')
    t.equal(registry.hubsOf('node-1').size, 5)
    t.ok(revisions() > before, 'agents are told')
    await sql`DELETE FROM hubs`.execute(database.db)
    await registry.stop()
  },
)

t.test('a hub whose database fails goes on, and stops in order', async () => {
  const { registry, database, log, hear } = await startHub('hub-z')
  await database.close()
  hear()
  await until(() => log.lines.some(([, line]) => /heartbeat of this hub/.test(String(line))), 'it says so')
  await registry.stop()
})

t.test('records of hubs that are gone are removed after a minute', async (t) => {
  const { database, stop } = await startHub('hub-x')
  const { db } = database
  for (const [hub, age] of [
    ['hub-lost', '61 seconds'],
    ['hub-late', '30 seconds'],
  ]) {
    await sql`INSERT INTO hubs (id, version, seen) VALUES (${hub}, '0', now() - ${age}::interval)`.execute(db)
    await sql`INSERT INTO hub_streams (hub, sessions) VALUES (${hub}, '{}')`.execute(db)
    await sql`INSERT INTO hub_cuts (hub, after, n, streams, at)
      VALUES (${hub}, 1, 2, 3, now() - ${age}::interval)`.execute(db)
  }
  const left = async () => {
    const { rows } = await sql<{ hub: string }>`
      SELECT id AS hub FROM hubs UNION ALL SELECT hub FROM hub_streams UNION ALL SELECT hub FROM hub_cuts`.execute(
      db,
    )
    return rows.map(({ hub }) => hub)
  }
  await until(async () => !(await left()).includes('hub-lost'), 'all of it is gone')
  t.equal((await left()).filter((hub) => hub === 'hub-late').length, 3)
  await stop()
})

t.test('the known hubs stay listed while the database is unreachable', async (t) => {
  const [a, b] = [await startHub('hub-1'), await startHub('hub-2')]
  await a.registry.announce('10.0.0.1:443')
  await until(() => b.registry.reachable.has('hub-1'), 'it is known')
  const pids = await store.server.pids()
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  t.ok(b.registry.reachable.has('hub-1'))
  for (const pid of pids) process.kill(pid, 'SIGCONT')
  await Promise.all([a.stop(), b.stop()])
})

t.test(
  'the address of a hub is the configured one, the listening one, or the one on its way to the database',
  (t) => {
    const at = (listen: string, fromDatabase: string | null, internal?: string) =>
      ownAddress(
        {
          listen_addr: { host: listen, port: 443 },
          ...(internal !== undefined && { internal_addr: { host: internal, port: 8_443 } }),
        },
        3_080,
        fromDatabase,
      )
    t.equal(at('0.0.0.0', '10.0.0.7'), '10.0.0.7:3080')
    t.equal(at('::', '::ffff:10.0.0.7'), '10.0.0.7:3080')
    t.equal(at('::', 'fd00::7'), '[fd00::7]:3080')
    t.equal(at('0.0.0.0', null), '127.0.0.1:3080', 'a database on the same machine')
    t.equal(at('192.0.2.5', '10.0.0.7'), '192.0.2.5:3080')
    t.equal(at('0.0.0.0', '10.0.0.7', 'hub-1.internal'), 'hub-1.internal:8443')
    t.end()
  },
)

t.test(
  'a hub knows whether a hub of an older version runs, which reads new sessions only from the log of changes',
  async (t) => {
    const { registry, database } = await startHub('hub-new')
    t.equal(registry.olderHubs, true, 'until it has looked')
    await registry.announce(null)
    await until(() => !registry.olderHubs, 'there is none')
    await sql`INSERT INTO hubs (id, version) VALUES ('hub-old', '0')`.execute(database.db)
    await registry.announce(null)
    t.equal(registry.olderHubs, true)
    await sql`DELETE FROM hubs WHERE id = 'hub-old'`.execute(database.db)
    await registry.announce(null)
    await until(() => !registry.olderHubs, 'it is gone')
    await registry.stop()
  },
)
