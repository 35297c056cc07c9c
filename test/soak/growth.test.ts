// together: quick
import t from 'tap'
import { growthOf } from './growth.ts'

const tolerance = { absolute: 5, share: 0.1 }
const every = (values: readonly number[]) => values.map((value, at) => ({ atMs: at * 60_000, value }))

t.test('a leak counts as growth, and one peak does not', (t) => {
  t.match(growthOf('a leak', 'MB', every([50, 60, 70, 80, 90, 100, 110, 120]), tolerance), {
    start: 70,
    end: 120,
    slopePerMinute: 10,
    verdict: 'growing',
  })
  t.match(growthOf('a peak', 'MB', every([50, 60, 61, 60, 61, 140, 60, 61]), tolerance), { verdict: 'flat' })
  t.match(growthOf('a warm-up', 'MB', every([10, 50, 60, 60, 61, 60, 61, 60]), tolerance), {
    verdict: 'flat',
  })
  t.match(growthOf('less', 'MB', every([90, 80, 70, 60, 50, 40, 30, 20]), tolerance), { verdict: 'flat' })
  t.end()
})

t.test('too few samples give no verdict', (t) => {
  t.match(growthOf('short', 'MB', every([1, 100]), tolerance), { start: 1, end: 100, slopePerMinute: NaN })
  t.match(growthOf('none', 'MB', [], tolerance), { verdict: 'flat' })
  t.end()
})
