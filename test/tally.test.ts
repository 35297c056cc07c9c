// together: quick
import t from 'tap'
import { closingLine, readTally } from './tally.ts'

t.test('the closing line has the runner’s counts', async (t) => {
  t.same(readTally('# { total: 5, pass: 2, fail: 1, todo: 1, skip: 1 }'), {
    passed: 2,
    failed: 1,
    skipped: 2,
  })
  t.equal(readTally('# time=2660.14ms'), null)
  t.equal(closingLine(readTally('# { total: 18, pass: 18 }'), 0), '18 passed, 0 failed')
  t.equal(closingLine({ passed: 2, failed: 1, skipped: 2 }, 0), '2 passed, 1 failed, 2 skipped')
})

t.test('a failed check or a dead runner is a failure', async (t) => {
  t.equal(closingLine({ passed: 3, failed: 0, skipped: 0 }, 1), '3 passed, 1 failed')
  t.equal(closingLine(null, 0), '0 passed, 1 failed')
})
