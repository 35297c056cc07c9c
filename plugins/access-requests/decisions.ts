import { type Actor, type Log, Problem, problemFor } from '@mezite/core'
import type { RequestDesk } from './desk.ts'
import type { AccessRequest } from './request.ts'

/** How a decision about several requests at once ended. */
export interface Outcome {
  readonly verdict: Verdict
  readonly decided: readonly AccessRequest[]
  readonly refused: readonly { readonly id: string; readonly problem: Problem }[]
}
export type Verdict = 'approve' | 'deny'

/**
 * Decides about each request by itself, so that one that cannot be decided does not stop those after it. Throws an error that
 * is not about a request, such as a database that fails, only while nothing is decided.
 */
export async function decideEach(
  desk: Pick<RequestDesk, 'approve' | 'deny'>,
  marked: readonly string[],
  by: Actor,
  {
    verdict,
    atMostMs,
    log,
  }: { readonly verdict: Verdict; readonly atMostMs: number | undefined; readonly log: Pick<Log, 'error'> },
): Promise<Outcome> {
  const decided: AccessRequest[] = []
  const refused: { id: string; problem: Problem }[] = []
  let broken: Problem | null = null
  for (const id of marked) {
    if (broken !== null) {
      refused.push({ id, problem: broken })
      continue
    }
    try {
      decided.push(
        await (verdict === 'approve' ? desk.approve(id, by, { atMostMs }) : desk.deny(id, by, null)),
      )
    } catch (error) {
      const own = error instanceof Problem && error.status < 500
      if (!own && decided.length === 0) throw error
      if (!own) log.error({ err: error, request: id }, 'failed to decide about several requests')
      const problem = error instanceof Problem ? error : problemFor('internal')
      refused.push({ id, problem })
      // The next one would wait for the same failure.
      if (!own) broken = problem
    }
  }
  return { verdict, decided, refused }
}
