import { slotRef } from '../kernel/reference.ts'
import type { Transaction } from './database.ts'
import type { AdminRight, RowLabels } from './rights.ts'
import type { Subject } from './subject.ts'

/** A call of a route that needs a right to change something. */
export interface AdminCall {
  readonly right: AdminRight
  readonly method: string
  /** Path and query. */
  readonly url: string
  /** Its headers `if-match` and `if-none-match`. */
  readonly conditions: Readonly<Record<string, string>>
  /** The parsed body; undefined: it has none. */
  readonly body: unknown
}

/** A call that its caller may make. */
export interface AskedCall extends AdminCall {
  readonly caller: Subject
  /** Empty on the admin socket. */
  readonly clientIp: string
  /** Id of the request. */
  readonly id: string
  /** The path up to the first parameter, and its value; null: the path names no thing. */
  readonly thing: { readonly path: string; readonly key: string } | null
  /** The labels of this thing, if rights can be for some labels only. */
  readonly labels: RowLabels | undefined
}

/** Keeps calls that change something from being made at once. */
export interface ChangeHold {
  /**
   * Called once, before the hub serves, with what makes the calls later, and every right that a route needs to change something. Throws to
   * keep the hub from starting.
   */
  opened(calls: AdminCalls, rights: readonly AdminRight[]): void
  /**
   * Called with each such call, the operator's included, after the guard has allowed it and before its route runs. Resolves if it is made
   * now; throws the `Problem` with which the caller is refused.
   */
  hold(call: AskedCall): Promise<void>
}

/** Who makes a call that was held. */
export interface CallMakers {
  /** In whose name it is made, with today's roles; asked again when the change has its turn. Null: nobody any more. */
  caller(): Subject | null
  /** Another person who must have the right as well, and is recorded; null as above. Absent: nobody else. */
  readonly approver?: () => Promise<Subject | null>
  readonly clientIp: string
  /** Asked before the route runs, and when its first change has its turn; throws `Problem`. */
  stillMay(): void
  /** Runs in the transaction of each change that the call makes in the name of its caller; if it rejects, the change is not made. */
  readonly within?: (trx: Transaction) => Promise<void>
}

/** A response of the API. */
export interface CallAnswer {
  readonly status: number
  /** Null: none, or no JSON. */
  readonly body: unknown
}

/** Makes calls of the API inside the hub: every check of the guard counts but those of the connection. */
export interface AdminCalls {
  /** A call that changes nothing, as the hub itself; 403 for every other. */
  read(call: Pick<AdminCall, 'method' | 'url' | 'body'>): Promise<CallAnswer>
  /** Makes the call without asking the holds. With `onlyCheck`, 204 says that the makers may make it, and nothing is changed. */
  make(call: AdminCall, by: CallMakers, options?: { readonly onlyCheck?: boolean }): Promise<CallAnswer>
}

/** What keeps changes waiting, such as for a second person. */
export const changeHolds = slotRef<ChangeHold>('changeHolds')
