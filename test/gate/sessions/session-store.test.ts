// together: quick
/** Sessions in memory when clocks are set, and when all of them are read anew. */
import type { EndReason } from '@mezite/core/protocol'
import t from 'tap'
import type { View } from '../../../core/api/revisions.ts'
import type { SessionTable } from '../../../core/gate/sessions/migrations.ts'
import { createSessionStore } from '../../../core/gate/sessions/session-store.ts'
import { quiet } from './start-rooms.ts'

const row = (id: string, more: Partial<SessionTable> = {}): SessionTable => ({
  ...{
    id,
    hash: `hash of ${id}`,
    kind: 'hub',
    user_name: 'ann',
    holder: null,
    connector: null,
    app_id: null,
  },
  ...{
    parent_id: null,
    apps: null,
    client_ip: '',
    client: null,
    satisfied: '[]',
    created: 0,
    expires: 10_000,
    idle_ms: 0,
    last_used: 0,
  },
  ended: null,
  end_reason: null,
  ...more,
})

/** A store that reads `rows`, on clocks that are set by hand. */
function start() {
  const clocks = { now: 0, monotonic: 0 }
  const ended: [string, EndReason][] = []
  const applied: (() => void)[] = []
  let view: View | undefined
  const store = createSessionStore({
    revisions: {
      addView(added) {
        view = added
      },
      onApplied: (listener) => void applied.push(() => listener(null)),
      revision: 1,
    },
    limitsOf: () => ({ ttlMs: Number.POSITIVE_INFINITY, idleMs: 0 }),
    isLocked: () => false,
    ended: ({ session, reason }) => void ended.push([session.id, reason]),
    clock: { now: () => clocks.now, monotonic: () => clocks.monotonic },
    log: quiet,
  })
  const load = async (...rows: SessionTable[]) => {
    const query = {
      selectFrom: () => query,
      selectAll: () => query,
      where: () => query,
      execute: async () => rows,
    }
    const swap = await view!.loadAll({ withTables: () => query } as never)
    swap()
    for (const tell of applied) tell()
  }
  return { store, clocks, ended, load }
}

t.test('B31 a session ends by whichever clock expires first, and a reload does not extend it', async (t) => {
  const { store, clocks, load } = start()
  await load(row('s'))
  t.equal(store.whyDead('s'), null)
  clocks.now = 10_000
  t.equal(store.whyDead('s'), 'expired', 'though no time has passed for the process')
  Object.assign(clocks, { now: -60_000, monotonic: 9_999 })
  t.equal(store.whyDead('s'), null)
  await load(row('s', { satisfied: '[{}]' }))
  clocks.monotonic = 10_000
  t.equal(store.whyDead('s'), 'expired', 'though the clock on the wall was set back')
})

t.test('sessions that are missing after a reload have ended, and unreadable ones open nothing', async (t) => {
  const { store, ended, load } = start()
  await load(row('kept'), row('gone'))
  const broken = row('broken', { satisfied: 'nonsense' })
  await load(row('kept'), broken)
  t.strictSame(ended, [['gone', 'revoked']])
  for (const id of ['gone', 'broken']) {
    t.equal(store.whyDead(id), 'revoked')
    t.equal(store.byHash(`hash of ${id}`), undefined)
  }
  t.equal(store.byHash('hash of kept'), store.byId('kept'))
})
