/** Loaded first into a program whose work is counted: responds to each `CountOrder` with a `CountReport`. */
import { Session } from 'node:inspector'
import { getHeapStatistics } from 'node:v8'

/** `calls`: of functions that run in each of so many exchanges; `bytes`: that the main thread has allocated. */
export type CountOrder = { readonly count: 'calls'; readonly exchanges: number } | { readonly count: 'bytes' }

/** What was counted since the last order of the same kind. */
export interface CountReport {
  readonly bytes: number
  /** Calls in each exchange, by file and then by function. */
  readonly calls: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const ROOT = new URL('../../', import.meta.url).href
const NOTHING: CountReport = { bytes: 0, calls: {} }
const session = new Session()
let connected = false
let heap = 0

/** Starts to count when it is first called: V8 then compiles everything again, and optimizes nothing any more. */
function connect(): void {
  if (connected) return
  connected = true
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
}

function readCalls(exchanges: number): CountReport['calls'] {
  const calls: Record<string, Record<string, number>> = {}
  // The callback is called before `post` returns.
  session.post('Profiler.takePreciseCoverage', (error, found) => {
    if (error) throw error
    for (const { url, functions } of found.result) {
      if (!url.startsWith(ROOT) || url.includes('/node_modules/') || url.includes('/test/')) continue
      for (const { functionName, ranges } of functions) {
        const [{ count = 0, startOffset = 0 } = {}] = ranges
        // Timers run less often, and the end of an exchange may come after it was counted.
        const each = Math.round(count / exchanges)
        if (each === 0) continue
        const file = url.slice(ROOT.length)
        calls[file] ??= {}
        calls[file][`${functionName || 'anonymous'} at ${startOffset}`] = each
      }
    }
  })
  return calls
}

process.on('message', (order: CountOrder) => {
  if (order.count === 'bytes') {
    const now = getHeapStatistics().used_heap_size
    process.send?.({ ...NOTHING, bytes: now - heap } satisfies CountReport)
    heap = getHeapStatistics().used_heap_size
  } else {
    connect()
    process.send?.({ ...NOTHING, calls: readCalls(order.exchanges) } satisfies CountReport)
  }
})
