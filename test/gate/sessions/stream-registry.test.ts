// together: quick
import type { App, Session } from '@mezite/core'
import type { EndReason } from '@mezite/core/protocol'
import { memoryLog } from '@mezite/core/testing'
import fc from 'fast-check'
import t from 'tap'
import { createStreamRegistry } from '../../../core/gate/sessions/stream-registry.ts'

const SESSIONS = ['s0', 's1', 's2']
const AGENTS = ['a0', 'a1']
const EXPIRES = 1_000

interface Known {
  readonly session: string
  readonly agent: string
  readonly remove: () => void
  readonly cuts: EndReason[]
  live: boolean
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), which: fc.nat(), agent: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('cutSession' as const, 'cutAgent' as const, 'cutExpired' as const, 'look' as const),
      which: fc.nat(),
    }),
  },
)

t.test('E71 a cut reaches exactly the open streams, in any order of openings and ends', async () => {
  await fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const live = createStreamRegistry({ endOf: () => null, log: memoryLog().log })
      const all: Known[] = []
      const cut = (count: number, reason: EndReason, which: (one: Known) => boolean) => {
        const meant = all.filter((one) => one.live && which(one))
        if (count !== meant.length) throw new Error(`${count} were cut, ${meant.length} were open`)
        for (const one of meant) {
          if (one.cuts.join() !== reason) throw new Error(`told ${one.cuts.join()}`)
          one.live = false
        }
      }
      for (const each of steps) {
        if (each.do === 'add') {
          const id = SESSIONS[each.which % SESSIONS.length] as string
          const agent = AGENTS[each.agent % AGENTS.length] as string
          const cuts: EndReason[] = []
          const added = {
            session: { id, expires: id === 's2' ? EXPIRES : Number.POSITIVE_INFINITY } as Session,
            app: { id: 'app', name: 'app' } as App,
            agent,
            context: { protocol: 'http', clientIp: '10.0.0.1' } as const,
            index: -1,
            cut: (reason: EndReason) => void cuts.push(reason),
          }
          live.add(added)
          const remove = () => void live.remove(added)
          all.push({ session: id, agent, remove, cuts, live: true })
        } else if (each.do === 'remove') {
          // Also one that has left already.
          const one = all[each.which % Math.max(1, all.length)]
          one?.remove()
          if (one) one.live = false
        } else if (each.do === 'cutSession') {
          const id = SESSIONS[each.which % SESSIONS.length] as string
          cut(live.cutSession(id, 'revoked'), 'revoked', ({ session }) => session === id)
        } else if (each.do === 'cutAgent') {
          const name = AGENTS[each.which % AGENTS.length] as string
          cut(live.cutAgent(name, 'locked'), 'locked', ({ agent }) => agent === name)
        } else if (each.do === 'cutExpired') {
          live.cutExpired(EXPIRES)
          const over = all.filter((one) => one.live && one.session === 's2')
          cut(over.length, 'expired', (one) => one.session === 's2')
        } else live.cutExpired(0)
        const open = all.filter((one) => one.live)
        if (live.size !== open.length) throw new Error(`${live.size} live, ${open.length} open`)
        for (const id of SESSIONS) {
          const count = open.filter(({ session }) => session === id).length
          if (live.countBy({ sessionId: id }) !== count || (live.bySession()[id] ?? 0) !== count)
            throw new Error(`${id} counts wrong`)
        }
        for (const one of all) if (one.live && one.cuts.length > 0) throw new Error('cut, and still open')
      }
    }),
    { numRuns: 500 },
  )
})

/** One stream that ends as `endOf` says, and why it was cut. */
function oneStream(endOf: Parameters<typeof createStreamRegistry>[0]['endOf']) {
  const live = createStreamRegistry({ endOf, log: memoryLog().log })
  const cuts: EndReason[] = []
  live.add({
    session: { id: 's0', expires: Number.POSITIVE_INFINITY } as Session,
    app: { id: 'app', name: 'app' } as App,
    agent: null,
    context: { protocol: 'http', clientIp: '10.0.0.1' },
    index: -1,
    cut: (reason) => void cuts.push(reason),
  })
  return { live, cuts }
}

t.test('E71 a stream whose check fails is cut', async (t) => {
  const failed = new Error('the policy is broken')
  const broken = () => {
    throw failed
  }
  for (const endOf of [broken, async () => broken()]) {
    const { live, cuts } = oneStream(endOf)
    t.equal(await live.recheck(), 1)
    t.strictSame(cuts, ['denied'])
  }
})

t.test('E71 a check under way is followed by another one, which sees changes made meanwhile', async (t) => {
  const { promise: gate, resolve: letGo } = Promise.withResolvers<void>()
  let reason: EndReason | null = null
  let asked = 0
  const { live, cuts } = oneStream(async () => {
    asked += 1
    const seen = reason
    await gate
    return seen
  })
  const first = live.recheck()
  reason = 'denied'
  const later = [live.recheck(), live.recheck()]
  letGo()
  t.equal(await first, 0)
  await Promise.all(later)
  t.strictSame(cuts, ['denied'])
  t.equal(asked, 2)
})
