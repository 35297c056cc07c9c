import { isMezError, MezError, messageOf } from './error.ts'

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
