/**
 * What one GET on a kept connection costs, counted exactly: bytes that are allocated, and calls of functions of this
 * repository with the files that they are in. Times would say less: two processes of the same code differ by a tenth.
 */
import t from 'tap'
import { FROM_BROWSER } from '../bench/rows/browser-requests.ts'
import { type CountedRequest, type CountedWay, openCountedWay } from './counted-way.ts'
import type { CountReport } from './exact-counts.ts'

interface Cost {
  /** On the heap of the main thread, in KB. */
  readonly kilobytes: number
  readonly calls: number
  readonly files: number
}

/**
 * Each may only become smaller: lower it when the test prints less. A commit that has to raise one says in its message what
 * that is worth. A hub that serves more than one request in a millisecond writes its time once for them, and then calls one
 * function less.
 */
const MOST: Readonly<Record<'hub' | 'agent', Readonly<Record<'small' | 'browser', Cost>>>> = {
  hub: {
    small: { kilobytes: 14.1, calls: 337, files: 64 },
    browser: { kilobytes: 19.4, calls: 365, files: 64 },
  },
  agent: {
    small: { kilobytes: 1.9, calls: 7, files: 4 },
    browser: { kilobytes: 1.9, calls: 7, files: 4 },
  },
}

const REQUESTS: Readonly<Record<'small' | 'browser', CountedRequest>> = {
  small: { path: '/bytes/1024', fields: [] },
  browser: FROM_BROWSER,
}

const PARTS = ['hub', 'agent'] as const
const WARM_UP = 2_000
/** Bytes are counted so many times, because timers allocate as well: the least of these counts has least of them. */
const COUNTS = 8
/** V8 optimizes in threads, which a busy machine lets wait: as long as the least count is above its bound, more follow. */
const MOST_COUNTS = 60
const EXCHANGES = 250

// Thousands of exchanges take long on a busy machine.
t.setTimeout(300_000)
t.test('a request costs the hub and the agent no more than before', async (t) => {
  const way = await openCountedWay(t)
  const kilobytes = { hub: { small: 0, browser: 0 }, agent: { small: 0, browser: 0 } }
  for (const shape of ['small', 'browser'] as const) {
    await way.get(REQUESTS[shape], WARM_UP)
    const least = { hub: Number.POSITIVE_INFINITY, agent: Number.POSITIVE_INFINITY }
    const isAbove = (part: 'hub' | 'agent') => least[part] > MOST[part][shape].kilobytes
    for (let done = 0; done <= COUNTS || (done < MOST_COUNTS && PARTS.some(isAbove)); done++) {
      for (const part of PARTS) {
        const { bytes } = await way.count(part, { count: 'bytes' })
        // The first one begins with the start of the program, and memory is less after a collection.
        if (done > 0 && bytes > 0) least[part] = Math.min(least[part], bytes / EXCHANGES / 1_000)
      }
      await way.get(REQUESTS[shape], EXCHANGES)
    }
    for (const part of PARTS) kilobytes[part][shape] = least[part]
  }
  for (const shape of ['small', 'browser'] as const) {
    for (const part of PARTS) {
      const most = MOST[part][shape]
      const calls = await leastCalls(way, part, shape)
      const cost = { kilobytes: kilobytes[part][shape], ...sumOf(calls) }
      const text = (of: Cost) => `${of.kilobytes.toFixed(1)} KB, ${of.calls} calls in ${of.files} files`
      t.comment(`${part}, ${shape} heads: ${text(cost)}`)
      for (const what of ['kilobytes', 'calls', 'files'] as const)
        if (!t.ok(cost[what] <= most[what], `${part}, ${shape} heads: ${text(cost)}; at most ${text(most)}`))
          t.comment(calls)
    }
  }
})

/** On a busy machine a record comes in two reads, and each of them calls functions: the least count has least of that. */
async function leastCalls(way: CountedWay, part: 'hub' | 'agent', shape: 'small' | 'browser') {
  const countExchanges = async () => {
    const { calls } = await way.count(part, { count: 'calls', exchanges: EXCHANGES })
    await way.get(REQUESTS[shape], EXCHANGES)
    return calls
  }
  // The first has what was before, and the second what V8 compiles again.
  await countExchanges()
  await countExchanges()
  let least = await countExchanges()
  for (
    let done = 1;
    done < COUNTS || (done < MOST_COUNTS && sumOf(least).calls > MOST[part][shape].calls);
    done++
  ) {
    const calls = await countExchanges()
    if (sumOf(calls).calls < sumOf(least).calls) least = calls
  }
  return least
}

function sumOf(calls: CountReport['calls']): Pick<Cost, 'calls' | 'files'> {
  const files = Object.values(calls).map((functions) => Object.values(functions))
  return { calls: files.flat().reduce((sum, each) => sum + each, 0), files: files.length }
}
