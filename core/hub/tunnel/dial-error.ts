import { MezError } from '../../kernel/error.ts'
import type { ErrorCode } from '../../kernel/error-codes.ts'

/** Why a connection to an app failed. `reason` is a reason code of the agent or of the hub. */
export class DialError extends MezError {
  readonly reason: string

  constructor(code: ErrorCode, reason: string, message: string) {
    super(code, message)
    this.reason = reason
  }
}
