import { Agent } from 'node:https'
import type { Visitor } from '../../../core/testing/index.ts'
import { percentile } from './percentile.ts'

export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly failed: number
  readonly count: number
}

/** Small requests of one person, one every `everyMs`, for so long; on a few connections that are kept. */
export async function askLive(
  visitor: Visitor,
  url: string,
  forMs: number,
  { everyMs = 20, signal }: { everyMs?: number; signal?: AbortSignal } = {},
): Promise<Latency> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const times: number[] = []
  const pending = new Set<Promise<void>>()
  let failed = 0
  const ask = async (): Promise<void> => {
    const start = performance.now()
    const status = await visitor.fetch(`${url}/download?bytes=1000`, { agent }).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) times.push(performance.now() - start)
    else failed += 1
  }
  const until = performance.now() + forMs
  while (performance.now() < until && !signal?.aborted) {
    const one: Promise<void> = ask().finally(() => pending.delete(one))
    pending.add(one)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  await Promise.all(pending)
  agent.destroy()
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), failed, count: times.length }
}
