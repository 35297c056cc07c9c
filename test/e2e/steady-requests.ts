import { Agent } from 'node:https'
import { setTimeout } from 'node:timers/promises'
import type { Visitor } from '../../core/testing/index.ts'

export interface Asked {
  /** On the clock of `performance`, when the request was sent. */
  readonly atMs: number
  readonly tookMs: number
  /** 0 when there was no answer. */
  readonly status: number
  /** The start of the answer, or why there was none. */
  readonly text: string
}

/** Requests at an even rate over kept connections until stopped. */
export interface SteadyRequests {
  readonly asked: readonly Asked[]
  /** No more; resolves when all are answered. */
  stop(): Promise<readonly Asked[]>
}

/** Requests under way at once; beyond, one is left out. */
const MOST = 100
/** Connections tried for one request. */
const ATTEMPTS = 5

export function steadyRequests(visitor: Visitor, url: string, perSecond: number): SteadyRequests {
  const agent = new Agent({ keepAlive: true, ...(visitor.ca === undefined ? {} : { ca: visitor.ca }) })
  const asked: Asked[] = []
  const underWay = new Set<Promise<void>>()
  const ask = async (): Promise<void> => {
    const atMs = performance.now()
    const headers = { accept: 'application/json' }
    const answer = await retryUnanswered((kept) =>
      visitor.fetch(url, { headers, ...(kept ? { agent } : {}) }),
    ).catch((error: Error) => ({ status: 0, text: error.message }))
    asked.push({
      atMs,
      tookMs: performance.now() - atMs,
      status: answer.status,
      text: answer.text.slice(0, 300),
    })
  }
  const timer = setInterval(() => {
    if (underWay.size >= MOST) return
    const one = ask().finally(() => underWay.delete(one))
    underWay.add(one)
    // A test that failed before it stopped them ends all the same.
  }, 1_000 / perSecond).unref()
  return {
    asked,
    async stop() {
      clearInterval(timer)
      await Promise.all(underWay)
      agent.destroy()
      return asked
    },
  }
}

/**
 * As browsers do: when a kept connection closes while a request is on its way, it is sent once more on a new one. The new
 * one is made again if it ends before TLS is established, since nothing was sent on it: the kernel accepts connections for
 * a killed process until it has freed its memory, and a balancer that passes TLS through cannot tell.
 */
export async function retryUnanswered<T>(ask: (kept: boolean) => Promise<T>): Promise<T> {
  let kept = true
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(kept)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      const unsent = message.includes('before secure TLS connection was established')
      if (code !== 'ECONNRESET' || attempt === ATTEMPTS || !(kept || unsent)) throw error
      kept = false
      if (unsent) await setTimeout(100)
    }
  }
}
