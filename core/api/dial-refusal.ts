import { isReasonCode } from '../kernel/reason.ts'

/**
 * A tap of `dial.open` throws this when an application cannot be reached. The hub records `reason`, a code in snake_case;
 * the logs of hub and agent contain `message`. The constructor throws TypeError when `reason` is not in snake_case.
 */
export class DialRefusal extends Error {
  override readonly name = 'DialRefusal'
  readonly reason: string

  constructor(reason: string, message: string) {
    super(message)
    if (!isReasonCode(reason))
      throw new TypeError(`the reason ${JSON.stringify(reason)} is not in snake_case`)
    this.reason = reason
  }
}
