/** When a change that has begun counts as cut off by the end of its hub. */
import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import type { ChangeStore } from '../../../plugins/change-approvals/store.ts'
import { createSweep } from '../../../plugins/change-approvals/sweep.ts'

const START = 1_000_000_000

type Begun = Readonly<Record<string, [state: string, begunMs: number, right?: string]>>

/** The ids of the changes that one run closes, of changes that began so many milliseconds after the start of the hub. */
async function closed(alone: boolean, laterMs: number, changes: Begun): Promise<readonly string[]> {
  const ended: string[] = []
  const rows = Object.entries(changes).map(([id, [state, at, right = 'role.update']]) => ({
    ...{ id, state, right, decided: START + at, expires: START + 86_400_000 },
  }))
  const store = {
    list: async () => rows,
    end: async ({ id }: { readonly id: string }) => ended.push(id) > 0,
    forgetAnswers: async () => {},
  } as unknown as ChangeStore
  const clock = fakeClock(START)
  const log = { warn() {} } as never
  const sweep = createSweep({ store, clock, log, revisions: { alone } })
  clock.advance(laterMs)
  await sweep.close()
  return ended
}

t.test('the only hub of a cluster closes at its start whatever it had begun before', async (t) => {
  const changes = {
    ...{ before: ['started', -1], stored: ['made', -1], session: ['started', -1, 'session.end'] },
    ...{ old: ['running', -1], now: ['started', 1], waits: ['pending', -1], over: ['done', -1] },
  } satisfies Begun
  t.same(await closed(true, 5, changes), ['before', 'stored', 'session', 'old'])
})

t.test(
  'one of several hubs closes changes after a minute, and those that leave no trace after ten',
  async (t) => {
    const changes = {
      ...{ before: ['started', -1], stored: ['made', -1], session: ['started', -1, 'session.end'] },
      ...{ strange: ['started', -1, 'thing-of-a-plugin.update'] },
    } satisfies Begun
    t.same(await closed(false, 59_000, changes), [])
    t.same(await closed(false, 61_000, changes), ['before', 'stored'])
    t.same(await closed(false, 601_000, changes), ['before', 'stored', 'session', 'strange'])
  },
)
