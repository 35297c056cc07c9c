import { MezError } from '../../kernel/error.ts'
import type { ErrorCode } from '../../kernel/error-codes.ts'

/** Why no connection to an app came about. `reason` is the reason code of the agent, or ours. */
export class DialError extends MezError {
  readonly reason: string

  constructor(code: ErrorCode, reason: string, message: string) {
    super(code, message)
    this.reason = reason
  }
}
