// together: quick
/** Which idle connections to apps are kept, for whom, and how long. */
import type { App } from '@mezite/core'
import type { Pipe } from '@mezite/core/protocol'
import t from 'tap'
import type { Deadlines, Waiting } from '../../../plugins/http-apps/deadlines.ts'
import { limits } from '../../../plugins/http-apps/limits.ts'
import { Http1Upstream } from '../../../plugins/http-apps/upstream/http1-upstream.ts'
import { PipePool } from '../../../plugins/http-apps/upstream/pipe-pool.ts'
import type { Upstream } from '../../../plugins/http-apps/upstream/upstream.ts'

const appOf = (id: string) => ({ id }) as App

/** A pool, its time, and the connections that it has closed. */
function start() {
  let sweep: Waiting | undefined
  const state = { now: 1_000, serving: ['node-1', 'node-2'], going: false }
  const closed: Upstream[] = []
  const deadlines = {
    get now() {
      return state.now
    },
    add: (waiting: Waiting) => {
      sweep = waiting
    },
    remove() {},
  } as unknown as Deadlines
  const candidates = () => state.serving.map((hostname) => ({ hostname }))
  const pool = new PipePool(deadlines, { candidates } as never)
  const pipe = (agent: string) => {
    const made = { agent, resume() {}, destroy() {}, isGoing: () => state.going }
    return made as unknown as Pipe & { onclose(error: Error | null): void }
  }
  return {
    pool,
    state,
    closed,
    /** A connection after a clean exchange. */
    give(session: string, app: App, agent = 'node-1') {
      const under = pipe(agent)
      const upstream = new Http1Upstream(under, app, session)
      upstream.ongone = (gone) => closed.push(gone)
      pool.give(upstream)
      return { upstream, under }
    },
    sweep(afterMs: number) {
      state.now += afterMs
      sweep?.onlate()
    },
  }
}

t.test('a session reuses its own connections to an app and agent, the newest first', async (t) => {
  const { pool, give } = start()
  const app = appOf('a')
  const first = give('one', app).upstream
  const second = give('one', app).upstream
  give('one', app, 'node-2')
  give('one', appOf('b'))
  t.equal(pool.take('other', app, 'node-1'), undefined)
  t.equal(pool.take('one', app, 'node-3'), undefined)
  t.equal(pool.take('one', app, 'node-1'), second)
  t.equal(pool.take('one', app, 'node-1'), first)
  t.equal(pool.take('one', app, 'node-1'), undefined)
})

t.test('a session keeps at most 256 connections, and all sessions together 1,024 at one app', async (t) => {
  const { pool, give, closed } = start()
  const app = appOf('a')
  for (let n = 0; n <= limits.idlePipesPerSession; n++) give('one', app)
  t.equal(closed.length, 1, 'one too many')
  for (let n = 0; n < limits.idlePipesPerApp; n++) give(`session ${n}`, app)
  t.equal(closed.length, 1 + limits.idlePipesPerSession)
  give('late', appOf('b'))
  t.equal(closed.length, 1 + limits.idlePipesPerSession, 'another app has its own')
  t.ok(pool.take('one', app, 'node-1'))
  t.ok(pool.take('session 0', app, 'node-1'), 'nobody was pushed out')
  give('late', app)
  t.equal(closed.length, 1 + limits.idlePipesPerSession, 'there is room again')
})

t.test('a connection that cannot serve another request is not reused', async (t) => {
  const { pool, give, state } = start()
  const app = appOf('a')
  give('one', app)
  t.equal(pool.take('one', appOf('a'), 'node-1'), undefined, 'the app was changed')
  give('one', app).under.onclose(null)
  t.equal(pool.take('one', app, 'node-1'), undefined, 'the app closed it')
  give('one', app)
  state.going = true
  t.equal(pool.take('one', app, 'node-1'), undefined, 'its link goes')
  give('one', app)
  state.going = false
  t.equal(pool.take('one', app, 'node-1'), undefined, 'nor taken back')
})

t.test('an idle connection is closed after 15 s, or when its agent serves the app no more', async (t) => {
  const { pool, give, state, sweep } = start()
  const app = appOf('a')
  const old = give('one', app).upstream
  sweep(limits.idlePipeMs - 1)
  t.notOk(old.gone)
  const young = give('one', app).upstream
  sweep(1)
  t.ok(old.gone)
  t.notOk(young.gone)
  const elsewhere = give('one', app, 'node-2').upstream
  state.serving = ['node-2']
  sweep(1_000)
  t.ok(young.gone)
  t.equal(pool.take('one', app, 'node-2'), elsewhere)
  const last = give('one', app).upstream
  pool.close()
  t.ok(last.gone)
})
