import { type ErrorCode, errorCodes } from './error-codes.ts'

/** An error with a stable code from `error-codes.ts`: `message` names the thing and the problem, `hint` the next step. */
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

/** True for a `MezError`, optionally with exactly this code. */
export function isMezError(error: unknown, code?: ErrorCode): error is MezError {
  return error instanceof MezError && (code === undefined || error.code === code)
}

/**
 * The messages of an error and of its causes in one line, the most general first, without duplicates. A `Problem` or
 * another error for people is replaced by its cause; messages in `without` are omitted.
 */
export function causesOf(error: unknown, without: readonly string[] = []): string {
  if (!(error instanceof Error)) return messageOf(error)
  const parts = new Set<string>()
  let one: unknown = error.name === 'Problem' && error.cause !== undefined ? error.cause : error
  for (let depth = 0; one instanceof Error && depth < 8; one = one.cause, depth++) {
    // If all addresses of a host failed, the message is empty and each attempt has its own error.
    const tried =
      one instanceof AggregateError && one.message === '' ? one.errors.map(messageOf).join(', ') : ''
    parts.add(tried || messageOf(one))
  }
  for (const each of without) parts.delete(each)
  return [...parts].join(': ')
}

/** The message of any thrown value, without a stack. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name
  try {
    return String(error)
  } catch {
    return 'a value that is not an error was thrown'
  }
}

/**
 * Prints an error for the person at the terminal: `error: WHAT (CODE)` and the next step, on stderr, without a stack.
 * Returns the exit code of the program: 2 for wrong usage, otherwise 1.
 */
export function printError(
  error: unknown,
  write: (text: string) => void = (text) => process.stderr.write(text),
): 1 | 2 {
  if (error instanceof AggregateError) {
    return Math.max(1, ...error.errors.map((one) => printError(one, write))) as 1 | 2
  }
  const known = isMezError(error) ? error : fromParseArgs(error)
  const code = known?.code ?? (error as { code?: unknown } | null | undefined)?.code
  const [first = '', ...list] = messageOf(known ?? error).split('\n')
  const title = `error: ${first}${typeof code === 'string' ? ` (${code})` : ''}`
  const what = `${[title, ...list].join('\n')}\n`
  // One write: no log line may separate the error from its next step.
  write(known ? `${what}${known.hint}\n` : what)
  return known?.code === 'MEZ_USAGE_WRONG' ? 2 : 1
}

function fromParseArgs(error: unknown): MezError | null {
  const { code } = (error ?? {}) as { code?: unknown }
  if (typeof code !== 'string' || !code.startsWith('ERR_PARSE_ARGS_')) return null
  return new MezError('MEZ_USAGE_WRONG', messageOf(error).split('. To ')[0]!, { cause: error })
}
