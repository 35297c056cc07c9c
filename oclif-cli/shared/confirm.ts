import { CliError } from './cli-error.ts'
import { escapeText } from './text-escaping.ts'

/**
 * Asks on a terminal before something is destroyed; anything but `y` or `yes` throws `MEZ_NOT_CONFIRMED`.
 * Scripts (no terminal on standard input or error) and `--yes` go ahead.
 */
export async function confirm(question: string, yes: boolean): Promise<void> {
  if (yes || !process.stdin.isTTY || !process.stderr.isTTY) return
  const { createInterface } = await import('node:readline/promises')
  const prompt = createInterface({ input: process.stdin, output: process.stderr })
  try {
    // Ctrl-C or Ctrl-D: what is said next begins on a line of its own.
    const closed = new Promise<string>((resolve) => prompt.once('close', () => resolve('\n')))
    prompt.once('SIGINT', () => prompt.close())
    const answer = await Promise.race([prompt.question(`${escapeText(question)} [y/N] `), closed])
    if (answer === '\n') process.stderr.write(answer)
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('MEZ_NOT_CONFIRMED', 'not confirmed')
  } finally {
    prompt.close()
  }
}
