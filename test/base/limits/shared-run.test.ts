// together: quick
import t from 'tap'
import { createSharedRun } from '../../../core/base/limits/shared-run.ts'

t.test('callers that come while work runs share one run after it, even if it fails', async (t) => {
  const runs: { readonly resolve: (value: number) => void; readonly reject: (error: Error) => void }[] = []
  const shared = createSharedRun(() => {
    const { promise, ...ends } = Promise.withResolvers<number>()
    runs.push(ends)
    return promise
  })
  const first = shared.run()
  const late = [shared.run(), shared.run()]
  t.equal(runs.length, 1, 'no two runs at a time')
  runs[0]!.reject(new Error('lost'))
  await t.rejects(first, { message: 'lost' })
  const settled = shared.settled()
  // The next run begins once the microtasks of the one before are done.
  await new Promise((resolve) => setImmediate(resolve))
  runs[1]!.resolve(2)
  t.same(await Promise.all(late), [2, 2], 'both share the run that started after they came')
  await settled
  t.equal(runs.length, 2)
  const later = shared.run()
  runs[2]!.resolve(3)
  t.equal(await later, 3, 'work that is over runs again')
})
