// together: quick
import t from 'tap'
import { dueTimes } from './due-times.ts'
import { inRounds, voidReason } from './measure.ts'
import { bestCommit, parseOptions } from './options.ts'
import { cpuMicroseconds, shares } from './processes.ts'
import { alone, compared } from './row.ts'
import { interleave, median, quantile, ratios } from './statistics.ts'
import { Yardstick } from './yardstick.ts'

t.test('median is the middle value, whatever the order', async (t) => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([10, 9, 100]), 10, 'numbers are not compared as text')
  t.equal(median([1, 2, 3, 10]), 2.5, 'of an even count the mean of the middle two')
  t.ok(Number.isNaN(median([])))
})

t.test('quantile is a value that occurred', async (t) => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.equal(quantile(values, 0.5), 50)
  t.equal(quantile(values, 0.99), 99)
  t.equal(quantile(values, 1), 100)
  t.equal(quantile([7], 0.99), 7)
  t.ok(Number.isNaN(quantile([], 0.5)))
})

t.test('ratios compare within a round, so that a slow round does not count twice', async (t) => {
  t.same(ratios([20, 2, 20], [10, 1, 10]), [2, 2, 2])
  const figure = compared('x', 'req/s', [10, 40, 30], { name: 'theirs', values: [10, 10, 10] })
  t.match(figure, { ours: 30, ratio: 3, range: [1, 4], against: { name: 'theirs', value: 10 } })
  t.match(alone('x', 'ms', [7, 9, 8]), { ours: 8, ratio: null, range: [7, 9], against: null })
})

t.test('interleave reverses the order every other round', async (t) => {
  const targets = ['A', 'B', 'C', 'D']
  t.same(interleave(targets, 3), [targets, ['D', 'C', 'B', 'A'], targets])
  t.same(targets, ['A', 'B', 'C', 'D'], 'what was given stays as it was')
})

t.test('a round is void when strangers or idleness take more than a tenth of the machine', async (t) => {
  t.match(shares(50, 950, 920), { idle: 0.05, strangers: 0.03 })
  t.equal(shares(0, 100, 101).strangers, 0, 'the two are counted differently')
  t.equal(voidReason({ idle: 0.1, strangers: 0.1 }, true, 0.5), null)
  t.match(voidReason({ idle: 0, strangers: 0.11 }, false, 1), '11 %')
  const idle = { idle: 0.4, strangers: 0 }
  t.match(voidReason(idle, true, 0.85), '40 %')
  t.equal(voidReason(idle, true, 0.84), null, 'unless the generator had more to give')
  t.equal(voidReason(idle, false, 0.1), null, 'unless the load leaves the machine idle on purpose')
})

const target = (name: string) => ({
  name,
  port: 1,
  host: 'x',
  cookie: null,
  includes: '',
  processes: {},
})

/** Rounds of two targets, with what was noted. `strangers` says for each round whether others used the machine. */
async function twoInRounds(strangers: (round: number) => boolean, workMs: () => number) {
  const [one, other] = [target('one'), target('other')]
  const notes: string[] = []
  const options = {
    rounds: 3,
    seconds: 1,
    events: 0,
    only: [],
    json: null,
    profile: null,
    against: null,
    progress: () => {},
  }
  const of = inRounds(
    { options, note: (text) => void notes.push(text) },
    [one, other],
    async ({ name }, round) => ({
      value: `${name}${round}`,
      machine: { idle: 0, strangers: strangers(round) && name === 'other' ? 0.5 : 0 },
    }),
    { yardstick: new Yardstick(workMs, 1) },
  )
  const values = async () => {
    const valuesOf = await of
    return [one, other].map((each) => valuesOf(each).map(({ value }) => value))
  }
  return { values, notes }
}

t.test('a void round is dropped for every target, and measured again', async (t) => {
  const { values, notes } = await twoInRounds(
    (round) => round === 2,
    () => 50,
  )
  t.same(await values(), [
    ['one1', 'one3', 'one4'],
    ['other1', 'other3', 'other4'],
  ])
  t.match(notes, [/50.0 to 50.0 ms/, /^3 times .* measured again/, /^round 2 .* 50 %/])
})

t.test('a target is measured again if others used the machine or it was slower by a tenth', async (t) => {
  let disturbed = 0
  const strangers = (round: number) => round === 2 && ++disturbed < 3
  let pieces = 0
  // Six before the rounds, and one before and one after each target.
  const { values, notes } = await twoInRounds(strangers, () => (++pieces === 12 ? 56 : 50))
  t.same(await values(), [
    ['one1', 'one2', 'one3'],
    ['other1', 'other2', 'other3'],
  ])
  t.match(notes, [/50.0 to 56.0 ms/, /^\d+ times a target was measured again/])
})

t.test('a target waits while the machine is slower than usual', async (t) => {
  let pieces = 0
  const slow = (piece: number) => piece > 10 && piece < 15
  const { values, notes } = await twoInRounds(
    () => false,
    () => (slow(++pieces) ? 80 : 50),
  )
  t.same(await values(), [
    ['one1', 'one2', 'one3'],
    ['other1', 'other2', 'other3'],
  ])
  t.notMatch(notes, [/void/])
})

t.test('a round in which the machine stays slower by a tenth is dropped', async (t) => {
  let round = 0
  const { values, notes } = await twoInRounds(
    (number) => {
      round = number
      return false
    },
    () => (round === 1 ? 56 : 50),
  )
  t.same((await values()).flat().includes('one1'), false)
  t.match(notes, [/50.0 to 56.0 ms/, /measured again/, /^round \d is void: .*the machine was slower by 12 %/])
})

t.test('fewer than three valid rounds give no figure', async (t) => {
  const { values } = await twoInRounds(
    (round) => round > 2,
    () => 50,
  )
  await t.rejects(values(), { message: 'no figure: only 2 of 6 rounds were valid' })
})

t.test('processor time grows with work, in microseconds', async (t) => {
  const used = (since?: NodeJS.CpuUsage) => {
    const { user, system } = process.cpuUsage(since)
    return user + system
  }
  // Counting reads the list of all processes, which is work too.
  const around = process.cpuUsage()
  const before = cpuMicroseconds(process.pid)
  const inside = process.cpuUsage()
  for (const until = performance.now() + 200; performance.now() < until; );
  const least = used(inside)
  const counted = cpuMicroseconds(process.pid) - before
  const most = used(around)
  const tick = 20_000
  t.ok(counted >= least - tick && counted <= most + tick, `${least} <= ${counted} <= ${most}`)
})

t.test('requests at a rate are due evenly, in turns of the connections, and none is left out', async (t) => {
  t.equal(dueTimes({ perSecond: 0, heads: ['a'] }, 0), null)
  const of = dueTimes({ perSecond: 1_000, heads: ['a', 'b', 'c', 'd'] }, 500)!
  const times = [0, 1, 2, 3].map(of).flatMap((due) => [due.next(), due.next(), due.next()])
  t.same(
    times.toSorted((one, other) => one - other),
    Array.from({ length: 12 }, (_, at) => 500 + at),
  )
})

t.test('BEST is the commit of the one file that names it', async (t) => {
  t.equal(parseOptions(['--against', 'BEST'], [])?.against, bestCommit())
  t.match(bestCommit(), /^[0-9a-f]{8,40}$/)
})
