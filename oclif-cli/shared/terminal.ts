import { CliError } from './cli-error.ts'
import { escapeText } from './text-escaping.ts'

const SILENT_MS = 500

/** Whether a person can be asked. @public */
export const isTerminal = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

/**
 * Asks before a destructive command. Throws `MEZ_NOT_CONFIRMED` for any answer but `y` or `yes`, and without a terminal
 * on standard input and error: a script must pass `--yes`.
 *
 * @public
 */
export async function confirm(question: string, yes: boolean): Promise<void> {
  if (yes) return
  if (!isTerminal()) {
    throw new CliError('MEZ_NOT_CONFIRMED', `cannot ask for confirmation without a terminal: ${question}`)
  }
  const answer = await ask(`${escapeText(question)} [y/N] `)
  if (!/^y(es)?$/i.test(answer)) throw new CliError('MEZ_NOT_CONFIRMED', 'not confirmed')
}

/** One line typed at the terminal, trimmed. Empty after Ctrl-C and at the end of input; rejects when `signal` aborts. */
export async function ask(prompt: string, signal?: AbortSignal): Promise<string> {
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const closed = new Promise<null>((resolve) => terminal.once('close', () => resolve(null)))
    terminal.once('SIGINT', () => terminal.close())
    const question = terminal.question(prompt, signal === undefined ? {} : { signal })
    const answer = await Promise.race([question, closed])
    // Start the following output on a new line.
    if (answer === null) process.stderr.write('\n')
    return answer?.trim() ?? ''
  } finally {
    terminal.close()
  }
}

/** Waits for `work`. After half a second a terminal shows `title` until the work ends. @public */
export async function withProgress<T>(title: string, work: Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work
  let shown = false
  const timer = setTimeout(() => {
    shown = true
    process.stderr.write(`${title}…`)
  }, SILENT_MS)
  try {
    return await work
  } finally {
    clearTimeout(timer)
    if (shown) process.stderr.write('\r\u001b[K')
  }
}
