// together: quick
import t from 'tap'
import { createSemaphore } from '../../../core/base/limits/semaphore.ts'
import { startStopwatch } from '../../stopwatch.ts'

t.test('a semaphore admits few at once, queues few for a short time, refuses the rest', async (t) => {
  const take = createSemaphore({ atOnce: 2, waiting: 2, waitMs: 2_000, refuse: (why) => new Error(why) })
  const [first, second] = [await take(), await take()]
  const passed: string[] = []
  const third = take().then((pass) => {
    passed.push('third')
    return pass
  })
  const late = take()
  const watch = startStopwatch()
  await t.rejects(take(), { message: /waiting/ })
  t.ok(watch.took() < 1_000, 'at once')
  t.same(passed, [], 'nobody passes while two have a turn')
  first()
  const pass = await third
  await t.rejects(late, { message: /after 2 s/ })
  // Who has given up takes no turn from others.
  const next = take()
  second()
  const last = await next
  pass()
  last()
  t.ok(await Promise.all([take(), take()]), 'all turns are back')
})
