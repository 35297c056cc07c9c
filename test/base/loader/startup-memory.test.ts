// together: quick
import t from 'tap'
import { releaseStartupMemory } from '../../../core/base/loader/startup-memory.ts'
import { until } from '../../until.ts'

t.test(
  'the memory of a start is freed a second later, so that nobody waits for the collection',
  async (t) => {
    let garbage: unknown[] | null = Array.from({ length: 300_000 }, (_, at) => ({ at, text: `text ${at}` }))
    t.equal(garbage.length, 300_000)
    garbage = null
    const used = () => process.memoryUsage().heapUsed / 2 ** 20
    const before = used()
    releaseStartupMemory()
    t.ok(used() > before - 5, 'not at once')
    await until(() => used() < before - 15, `less than ${before} MB`)
  },
)
