import { type ErrorCode, errorCodes } from './error-codes.ts'

/** An error with a stable code from `error-codes.ts`: `message` says what and which, `hint` the next step. */
export class MezError extends Error {
  override readonly name = 'MezError'
  readonly code: ErrorCode
  readonly hint: string

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? errorCodes[code]
  }
}

/** True for an error of ours, optionally with exactly this code. */
export function isMezError(error: unknown, code?: ErrorCode): error is MezError {
  return error instanceof MezError && (code === undefined || error.code === code)
}

/** The message of anything that was thrown, in one line, without a stack. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name
  try {
    return String(error)
  } catch {
    return 'something that is no error was thrown'
  }
}
