// together: quick
/** Which secrets of a bot count, and which ones operators should look at. */
import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import type { StoredBot } from '../../../plugins/bots/bots.ts'
import { hashSecret, newSecret } from '../../../plugins/bots/secret.ts'
import { createSecretUses } from '../../../plugins/bots/secret-uses.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-01-01T00:00:00Z')

function usesOf(bot: Partial<StoredBot>) {
  const clock = fakeClock(START)
  const items = new Map([['ci', { name: 'ci', secret: null, oldSecret: null, ...bot } as StoredBot]])
  let writes = 0
  const revisions = {
    write: async () => {
      writes += 1
      return undefined as never
    },
  }
  const log = { warn: () => {} } as never
  const uses = createSecretUses({ bots: { items }, revisions, clock, log })
  return { uses, clock, bot: items.get('ci') as StoredBot, writes: () => writes }
}

t.test('an old secret counts until its end, and a use is stored once an hour', async (t) => {
  const [fresh, old] = [newSecret(), newSecret()]
  const until = START + DAY_MS
  const { uses, clock, bot, writes } = usesOf({
    secret: { hash: hashSecret(fresh), created: START, used: null },
    oldSecret: { hash: hashSecret(old), created: 0, used: null, until },
  })
  t.equal(uses.use(bot, fresh), 'secret')
  t.equal(uses.use(bot, old), 'old secret')
  t.equal(uses.use(bot, old), 'old secret')
  t.equal(writes(), 2)
  for (const text of ['', 'x', newSecret(), `${old}x`, old.slice(0, -1)])
    t.equal(uses.use(bot, text), null, text)
  clock.advance(DAY_MS - 1)
  t.equal(uses.use(bot, old), 'old secret')
  t.equal(writes(), 3)
  clock.advance(1)
  t.equal(uses.use(bot, old), null, 'its end')
  t.equal(uses.use(bot, fresh), 'secret')
})

t.test('a secret that nobody uses is a finding, and so is an old one that programs still use', async (t) => {
  const hash = hashSecret(newSecret())
  const message = (bot: Partial<StoredBot>, days: number) => {
    const { uses, clock } = usesOf(bot)
    clock.advance(days * DAY_MS)
    return uses.findings().map((one) => `${one.subject}: ${one.message}`)
  }
  t.strictSame(message({}, 365), [], 'no secret')
  t.strictSame(message({ secret: { hash, created: START, used: null } }, 29), [])
  t.match(message({ secret: { hash, created: START, used: null } }, 30), [
    /^bot ci: nobody has used its secret for 30 days/,
  ])
  t.strictSame(message({ secret: { hash, created: 0, used: START } }, 29), [])
  t.match(message({ secret: { hash, created: 0, used: START } }, 31), [/30 days/])
  const oldSecret = { hash, created: 0, used: START + 1, until: START + 5 * DAY_MS }
  t.match(message({ secret: { hash, created: START, used: null }, oldSecret }, 1), [
    /still use the old secret/,
  ])
  t.strictSame(message({ secret: { hash, created: START, used: START + 2 }, oldSecret }, 1), [])
  t.strictSame(message({ secret: { hash, created: START, used: null }, oldSecret }, 6), [], 'it has ended')
})
