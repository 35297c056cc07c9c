import { serviceRef } from '../kernel/reference.ts'
import type { ReceivedRequest } from './decision.ts'

/** A request that reached an app, as the trail has it. */
export interface RecordedRequest extends ReceivedRequest {
  /** Path alone: the trail has no queries. */
  readonly target: string
  readonly user: string
  readonly app: string
  /** The rule that decided (`Vote.rule`); null if none did. */
  readonly rule: string | null
}

/**
 * The requests of the last day, for plugins that show what rules do. It is what the trail says of people: show it only to those who may
 * read the trail (`audit.list`).
 */
export interface RecordedRequests {
  /**
   * The newest ones, at most 20,000, of one app if it is given; `complete`: there were no more. Reads them in pieces, so that
   * nothing else waits. Takes at most 5 s: what was not read by then is left out.
   */
  ofLastDay(
    app?: string,
  ): Promise<{ readonly requests: readonly RecordedRequest[]; readonly complete: boolean }>
}

/** The requests of the last day. Absent if nothing keeps them where the hub can read them. */
export const recordedRequests = serviceRef<RecordedRequests>('recordedRequests')
