// together: quick
/** The lane's reader of heads against llhttp, which reads what the lane leaves. */
import t from 'tap'
import { compareHeads, randomHeads } from './random-heads.ts'

const RUNS = Number(process.env.FUZZ_RUNS ?? 1_000_000)

t.test(
  'F81 llhttp reads every head that the lane accepts as the same request, and keeps the connection',
  (t) => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
    const { taken, different } = compareHeads(randomHeads(seed), RUNS)
    t.comment(`seed ${seed}: ${taken} of ${RUNS} taken`)
    t.strictSame(different, [], `seed ${seed}`)
    t.ok(taken > RUNS / 20, `${taken} heads are valid`)
    t.ok(taken < RUNS * 0.9, `${RUNS - taken} heads are not`)
    t.end()
  },
)
