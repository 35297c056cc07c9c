import t from 'tap'
import { interleave, median, quantile, ratio } from './statistics.ts'

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

t.test('ratio compares within a round, so that a slow round does not count twice', async (t) => {
  t.equal(ratio([20, 2, 20], [10, 1, 10]), 2)
  t.equal(ratio([10, 40, 30], [10, 10, 10]), 3)
})

t.test('interleave reverses the order every other round', async (t) => {
  const targets = ['A', 'B', 'C', 'D']
  t.same(interleave(targets, 3), [targets, ['D', 'C', 'B', 'A'], targets])
  t.same(targets, ['A', 'B', 'C', 'D'], 'what was given stays as it was')
})
