import { CliError, cliErrorCodes } from './cli-error.ts'
import { escapeLines, escapeText } from './text-escaping.ts'

/**
 * Prints `error: WHAT (CODE)` and the next step on standard error; gives the exit code: 2 for wrong usage, else 1.
 * `command` is what was run, such as `mezctl apps ls`, for the hint.
 */
export function reportError(error: unknown, command: string): number {
  const exit = (error as { oclif?: { exit?: number } })?.oclif?.exit
  if ((error as { code?: string })?.code === 'EEXIT') return exit ?? 0
  const told = error instanceof CliError ? error : fromOclif(error, command)
  const [first = '', ...rest] = told.message.split('\n')
  process.stderr.write(`error: ${escapeText(first)} (${escapeText(told.code)})\n`)
  for (const line of rest) process.stderr.write(`${escapeText(line)}\n`)
  const hint = told.hint === cliErrorCodes.MEZ_USAGE ? usageHint(command) : told.hint
  if (hint !== '') process.stderr.write(`${escapeLines(hint)}\n`)
  return told.exitCode
}

function fromOclif(error: unknown, command: string): CliError {
  const {
    message = String(error),
    oclif,
    parse,
  } = error as { message?: string; oclif?: object; parse?: object }
  if (parse === undefined && oclif === undefined) {
    return new CliError('MEZ_CLI_FAULT', message, { cause: error })
  }
  if (
    parse === undefined &&
    !/^(command .* not found\.?|Parsing --.*|(Unexpected )?flag -.*)$/i.test(message.split('\n')[0]!)
  ) {
    return new CliError('MEZ_FAILED', message, { cause: error })
  }
  const told = message
    .replace(/\u001b\[[0-9;]*m/g, '')
    .replace(/\n?See more help with --help/, '')
    .trim()
    .replace(/^The following errors? occurred:\n\s*/, '')
    .replace(/^(Missing \d+ required args?:)\n(.+)$/s, (_, missing: string, list: string) => {
      const args = list.split('\n').map((line) => line.trim().replace(/\s{2,}(.+)$/, ' ($1)'))
      return `${missing} ${args.join(', ')}`
    })
    .replace(/:\n/, ': ')
    .replace(/\s*\n\t/, ': ')
    .replace(/^command (\S+) not found\.?$/i, (_, id: string) =>
      id.startsWith('-')
        ? `${id} stands in front; flags come behind the command`
        : `there is no command ${id.replaceAll(':', ' ')}`,
    )
  return new CliError('MEZ_USAGE', told, {
    cause: error,
    hint: usageHint(command),
  })
}

const usageHint = (command: string): string => `Add --help to see what is allowed: ${command} --help`
