// together: quick
/** What tokens that nobody knows may cost: few reads, a bounded wait, and no memory that grows. */
import t from 'tap'
import { hashToken } from '../../../core/gate/sessions/session-insert.ts'
import type { Held } from '../../../core/gate/sessions/session-store.ts'
import { createTokenFinder } from '../../../core/gate/sessions/token-finder.ts'

const tokenOf = (n: number) => String(n).padStart(43, 'A')
const tokens = (from: number, count: number) => Array.from({ length: count }, (_, at) => tokenOf(from + at))

/** A finder over sessions that another hub has opened: a read makes them known. */
function start() {
  let ms = 0
  const opened = new Map<string, Held>()
  const known = new Map<string, Held>()
  const reads: number[] = []
  const state = { down: false }
  const find = createTokenFinder({
    store: {
      byHash: (hash) => known.get(hash),
      byId: (id) => [...known.values()].find(({ session }) => session.id === id),
    },
    revisions: {
      async catchUp() {
        reads.push(performance.now())
        if (state.down) throw new Error('no database')
        for (const [hash, held] of opened) known.set(hash, held)
      },
    },
    clock: { now: () => ms, monotonic: () => ms },
  })
  return {
    find,
    reads,
    state,
    known,
    advance(by: number) {
      ms += by
    },
    open(token: string): Held {
      const hash = hashToken(token)
      const held = { hash, session: { id: `id of ${token}` }, deadline: 0 } as unknown as Held
      opened.set(hash, held)
      return held
    },
  }
}

t.test('a token of another hub is found with one read, until its session ends', async (t) => {
  const { find, open, reads, known } = start()
  const held = open(tokenOf(1))
  t.equal(await find(tokenOf(1)), held)
  t.equal(find(tokenOf(1)), held, 'from memory')
  t.equal(reads.length, 1)
  known.clear()
  t.not(find(tokenOf(1)), held)
})

t.test('B34 an unknown token is looked up once a second, with ten reads a second in all', async (t) => {
  const { find, reads, advance } = start()
  await Promise.all(tokens(0, 500).map((token) => find(token)))
  t.equal(reads.length, 1, 'one for all of them')
  t.equal(find(tokenOf(0)), undefined, 'not again')
  await find(tokenOf(600))
  t.equal(reads.length, 2)
  t.ok(reads[1]! - reads[0]! > 90, `${reads[1]! - reads[0]!} ms later`)
  advance(1_000)
  await find(tokenOf(0))
  t.equal(reads.length, 3, 'again')
  t.equal(find('no token at all'), undefined)
})

t.test('B34 too many lookups at once fail, and the next ones succeed again', async (t) => {
  const { find, state } = start()
  const waiting = tokens(0, 1_000).map((token) => find(token))
  t.equal(find(tokenOf(1_000)), undefined)
  state.down = true
  t.ok(
    (await Promise.all(waiting)).every((held) => held === undefined),
    'nor without the database',
  )
  t.type(find(tokenOf(1_000)), Promise)
})

t.test('B34 failed lookups are remembered for ten thousand tokens only', async (t) => {
  const { find, advance } = start()
  for (let batch = 0; batch < 11; batch++) {
    await Promise.all(tokens(batch * 1_000, 1_000).map((token) => find(token)))
    advance(90)
  }
  t.equal(find(tokenOf(10_999)), undefined, 'the newest')
  t.type(find(tokenOf(0)), Promise, 'the oldest was forgotten')
})
