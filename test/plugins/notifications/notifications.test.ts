// together: plugin-hubs
/** Notifications from the sender through the table to the receiver, at least once and without delaying anybody. */
import {
  defineHubPlugin,
  type Notification,
  type Notifier,
  notifications,
  notifiers,
  type Revisions,
  revisions,
  type Transaction,
} from '@mezite/core'
import type { Attention } from '@mezite/core/administration'
import { createTestHub, memoryLog, testActor } from '@mezite/core/testing'
import { sql } from 'kysely'
import t from 'tap'
import { createAttentionWatch } from '../../../plugins/notifications/attention-watch.ts'
import { createDelivery } from '../../../plugins/notifications/delivery.ts'
import { notificationMigrations } from '../../../plugins/notifications/migrations.ts'
import { createStore } from '../../../plugins/notifications/store.ts'
import { runLines } from '../../oclif-cli/run-program.ts'
import { openTestDatabase } from '../../state/database/stores.ts'
import { startStopwatch } from '../../stopwatch.ts'
import { until } from '../../until.ts'

type Message = Parameters<Notifier['deliver']>[0]

const publicNames = { clusterName: 'test', signInOrigin: 'https://hub.test' }
const database = await openTestDatabase([notificationMigrations])
t.teardown(() => database.close())
const { db } = database
const live = () => new AbortController().signal
const about = (title: string, more: Partial<Notification> = {}): Notification => ({
  kind: 'test',
  severity: 'info',
  title,
  ...more,
})

/** A receiver that does what `respond` says. */
function receiver(name: string, respond: (message: Message) => Promise<void> | void = () => {}) {
  const received: Message[] = []
  const notifier: Notifier = {
    name,
    takes: () => true,
    async deliver(message) {
      await respond(message)
      received.push(message)
    },
  }
  return { notifier, received }
}
const createTestDelivery = (store = createStore(db)) =>
  createDelivery({ store, publicNames, log: memoryLog().log, counted: () => {} })
/** Makes what waits due at once. */
const hurry = () =>
  sql`UPDATE notifications SET next_attempt = now() WHERE next_attempt IS NOT NULL`.execute(db)

t.test(
  'fault 45: a notification is repeated until its receiver accepts it, also after a restart',
  async (t) => {
    let attempts = 0
    const { notifier, received } = receiver('flaky', () => {
      attempts += 1
      if (attempts < 3) throw Object.assign(new Error('status 429'), { retryAfterMs: 3_600_000 })
    })
    await createStore(db).add(about('Hello', { path: '/web/admin' }), ['flaky'])
    await t.rejects(createTestDelivery().run(notifier, live()), {
      message: /1 of 1 not delivered: status 429/,
    })
    t.equal(
      await createTestDelivery().run(notifier, live()),
      '0 delivered',
      'not before the receiver wants it',
    )
    const [{ ms } = { ms: 0 }] = (
      await sql<{ ms: number }>`SELECT (extract(epoch FROM next_attempt - now()) * 1000)::float8 AS ms
    FROM notifications`.execute(db)
    ).rows
    t.ok(ms > 3_500_000 && ms <= 3_600_000, `${ms} ms`)
    await hurry()
    await t.rejects(createTestDelivery().run(notifier, live()))
    t.match(await createStore(db).list(10), [{ state: 'waiting', attempts: 2, error: 'status 429' }])
    await hurry()
    t.equal(await createTestDelivery().run(notifier, live()), '1 delivered')
    t.match(received, [{ title: 'Hello', cluster: 'test', url: 'https://hub.test/web/admin', time: /^20/ }])
    t.match(await createStore(db).list(10), [{ state: 'delivered', attempts: 3, error: null }])
    t.equal(await createTestDelivery().run(notifier, live()), '0 delivered', 'once')
  },
)

t.test(
  'fault 45: a refused message does not delay others, and an unreachable receiver gets a pause',
  async (t) => {
    const store = createStore(db)
    let away = false
    let tries = 0
    const { notifier, received } = receiver('picky', ({ title }) => {
      tries += 1
      if (away || title === 'Bad') throw new Error('refused')
    })
    for (const title of ['Bad', 'Good', 'Better']) await store.add(about(title), ['picky'])
    await t.rejects(createTestDelivery().run(notifier, live()), { message: /1 of 3/ })
    t.strictSame(
      received.map(({ title }) => title),
      ['Good', 'Better'],
    )
    away = true
    tries = 0
    for (const title of ['1', '2', '3', '4', '5', '6']) await store.add(about(title), ['picky'])
    await t.rejects(createTestDelivery().run(notifier, live()))
    t.equal(tries, 3)
  },
)

t.test('a notification is retried for three days and deleted after thirty', async (t) => {
  const store = createStore(db)
  await sql`DELETE FROM notifications`.execute(db)
  await store.add(about('Old'), ['gone'])
  await sql`UPDATE notifications SET created = now() - interval '73 hours'`.execute(db)
  const { notifier } = receiver('gone', () => {
    throw new Error('no such host')
  })
  await t.rejects(createTestDelivery().run(notifier, live()))
  t.match(await store.list(10), [{ state: 'given_up', error: 'no such host' }])
  await store.prune()
  t.equal((await store.list(10)).length, 1)
  await sql`UPDATE notifications SET created = now() - interval '31 days'`.execute(db)
  await store.prune()
  t.equal((await store.list(10)).length, 0)
})

t.test('T218 texts lose hidden and redirecting characters, and the same key is sent once', async (t) => {
  const store = createStore(db)
  await store.add(about('One\r\nline\u202e\u0000', { text: 'a\r\nb\u0007\u2028c', key: 'k' }), ['x', 'y'])
  await store.add(about('Again', { key: 'k' }), ['x', 'y'])
  await store.add(about('y'.repeat(500)), ['x'])
  const [newest, ...others] = await store.list(10)
  t.equal(newest!.title.length, 200)
  t.equal(others.length, 2, 'one for each notifier')
  t.match(others[0], { title: 'One  line', text: 'a\nb  c' })
  await sql`DELETE FROM notifications`.execute(db)
})

t.test(
  'operators are notified of a problem once it lasts, again after a week, and when it ends',
  async (t) => {
    let list: Attention[] = []
    const sent: Notification[] = []
    const send = async (one: Notification) => void sent.push(one)
    const look = createAttentionWatch({ db, list: () => list, send, graceMs: 60_000 })
    const later = (interval: string) =>
      sql`UPDATE notifications_attention SET since = since - ${interval}::interval,
      notified = notified - ${interval}::interval`.execute(db)
    list = [{ kind: 'agent', subject: 'node-1', message: 'not connected' }]
    await look()
    list = []
    await look()
    t.strictSame(sent, [], 'a hub that has just started sees no agents')
    list = [
      { kind: 'agent', subject: 'node-1', message: 'not connected' },
      { kind: 'certificate', subject: 'https_keypair', message: 'expires in 20 days' },
      { kind: 'job', subject: 'backup', message: 'failed 3 times in a row: disk full' },
      { kind: 'database', subject: 'hub-1', message: 'access data cannot be read' },
    ]
    await look()
    await later('2 minutes')
    await look()
    t.strictSame(sent.map(({ kind, severity, title }) => `${severity} ${kind}: ${title}`).sort(), [
      'critical database: Database of hub hub-1: access data cannot be read',
      'warning agent: Agent node-1: not connected',
      'warning certificate: Certificate https_keypair: expires in 20 days',
      'warning job: Background job backup: failed 3 times in a row: disk full',
    ])
    await look()
    t.equal(sent.splice(0).length, 4, 'once')
    await later('8 days')
    await look()
    t.equal(sent.splice(0).length, 4, 'again after a week')
    list = []
    await look()
    t.ok(sent.every(({ severity, title }) => severity === 'info' && title.endsWith(': all is well again')))
    t.equal(sent.length, 4)
  },
)

t.test('a sender in a hub does not wait, and a change that is rolled back sends nothing', async (t) => {
  let use:
    | {
        readonly notifications: { send(one: Notification, trx?: Transaction): Promise<void> }
        readonly revisions: Revisions
      }
    | undefined
  const hangs = receiver('hangs', () => new Promise(() => {}))
  const good = receiver('good')
  const refuses = receiver('refuses', () => {
    throw new Error('the receiver responded with status 403')
  })
  const hub = await createTestHub({
    plugins: [
      defineHubPlugin({
        name: 'receivers',
        api: 1,
        summary: 'Receives notifications',
        provides: { notifiers },
        setup({ provide }) {
          for (const { notifier } of [hangs, good]) provide.notifiers(notifier)
          provide.notifiers({ ...refuses.notifier, takes: () => false })
        },
      }),
      defineHubPlugin({
        name: 'sender',
        api: 1,
        summary: 'Sends notifications',
        needs: { notifications, revisions },
        setup(host) {
          use = host.use
        },
      }),
    ],
  })
  t.teardown(hub.stop)
  const { notifications: service, revisions: changes } = use!
  const watch = startStopwatch()
  await service.send(about('First', { path: '/web/admin' }))
  t.ok(watch.took() < 5_000, 'the sender does not wait for receivers')
  await until(() => good.received.length === 1, 'the good one has it although the other one hangs')
  t.match(good.received, [{ title: 'First', cluster: 'test', url: `${hub.signInUrl}/web/admin` }])

  await t.rejects(
    changes.write(async (trx) => {
      await service.send(about('Undone'), trx)
      throw new Error('undone')
    }, testActor),
  )
  await changes.write(async (trx) => service.send(about('Done'), trx), testActor)
  await until(() => good.received.length === 2, 'what was committed arrives')
  t.equal(good.received[1]!.title, 'Done')
  const listed = (await hub.api('GET', '/notifications')) as {
    title: string
    notifier: string
    state: string
  }[]
  t.notOk(listed.some(({ title }) => title === 'Undone'))
  t.notOk(
    listed.some(({ notifier }) => notifier === 'refuses'),
    'who takes nothing gets nothing',
  )

  await t.test('mezctl notify test prints the response of each receiver', async (t) => {
    const lines = ['notify test good', 'notify test refuses', 'notify test nobody', 'notify ls']
    const at = ['--data-dir', hub.dataDir]
    const [tested, failed, unknown, listing] = await runLines(
      lines.map((line) => [...line.split(' '), ...at]),
      {},
    )
    t.match(tested, { code: 0, out: /good +delivered/ })
    t.match(good.received.at(-1), { kind: 'test', title: 'Test of notifications' })
    t.match(failed, { code: 1, out: /refuses +failed: the receiver responded with status 403/ })
    t.match(failed!.err, /MEZ_NOTIFIER_FAILED/)
    t.match(unknown, { code: 1, err: /no notifier nobody, only: hangs, good, refuses/ })
    t.match(listing, { code: 0, out: /good +delivered +1 +info +Done/ })
  })
})
