import { type ErrorCode, errorCodes } from '@mezite/core/error-codes'
import type { Format } from './base-command.ts'
import { escapeLines, escapeText } from './text-escaping.ts'

/** The next step and the origin of a `CliError`. @public */
export interface CliErrorOptions {
  /** The next step; the general one of the code when omitted. */
  readonly hint?: string
  readonly cause?: unknown
  /** HTTP status and extra members of the problem document, for a response of the hub. */
  readonly status?: number
  readonly members?: Readonly<Record<string, unknown>>
}

/** A failure that is printed as `error: WHAT (CODE)` and a next step. @public */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: string
  readonly hint: string
  readonly status: number | null
  readonly members: Readonly<Record<string, unknown>>

  /** Codes from the hub are in lower case, so that a misspelt `MEZ_…` code does not compile. */
  constructor(code: ErrorCode | Lowercase<string>, message: string, options: CliErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? (errorCodes as Record<string, string>)[code] ?? ''
    this.status = options.status ?? null
    this.members = options.members ?? {}
  }

  /** 2: wrong usage. 3: a check found something. 1: everything else. */
  get exitCode(): 1 | 2 | 3 {
    if (this.code === 'MEZ_USAGE_WRONG') return 2
    return this.code === 'MEZ_ATTENTION_NEEDED' || this.code === 'MEZ_NAME_UNKNOWN' ? 3 : 1
  }
}

/** True for a `CliError`, also of the copy of this package that an installed plugin brings along. */
const isCliError = (error: unknown): error is CliError =>
  error instanceof Error && error.name === 'CliError' && 'exitCode' in error

/** The message of any thrown value, safe on a terminal. */
export function messageOf(error: unknown): string {
  return escapeText(error instanceof Error ? error.message : String(error))
}

/** The command line that was run, for hints and suggestions. */
export interface CommandLine {
  /** The command, such as `mezctl apps ls`. */
  readonly command: string
  /** The words before the first flag, and every command there is: for a command that does not exist. */
  readonly words?: readonly string[]
  readonly known?: readonly string[]
  /** The output format. Default: text. */
  readonly format?: Format
}

/** The format that a command line asks for, before anything has parsed it. */
export function formatIn(argv: readonly string[]): Format {
  const end = argv.indexOf('--')
  const words = end === -1 ? argv : argv.slice(0, end)
  if (words.includes('--json')) return 'json'
  const given = /(?:^|\n)(?:--format[=\n]|-o=?\n?)(json|yaml)(?:\n|$)/.exec(words.join('\n'))?.[1]
  return given === 'json' || given === 'yaml' ? given : 'text'
}

/** Prints `error: WHAT (CODE)` and the next step on standard error, in JSON and YAML as one object; returns the exit status. */
export async function reportError(error: unknown, line: CommandLine): Promise<number> {
  const exit = (error as { oclif?: { exit?: number } })?.oclif?.exit
  if ((error as { code?: string })?.code === 'EEXIT') return exit ?? 0
  const failure = isCliError(error) ? error : await fromOclif(error, line)
  const { format = 'text' } = line
  if (format !== 'text') {
    const { code, message, status, members } = failure
    const hint = hintOf(failure, line)
    const shown = { error: { code, message, hint, ...(status !== null && { status, ...members }) } }
    const { showJson, showYaml } = await import('./base-command.ts')
    process.stderr.write(`${format === 'json' ? showJson(shown) : await showYaml(shown)}\n`)
    return failure.exitCode
  }
  const [first = '', ...rest] = failure.message.split('\n')
  process.stderr.write(`error: ${escapeText(first)} (${escapeText(failure.code)})\n`)
  for (const text of rest) process.stderr.write(`${escapeText(text)}\n`)
  const hint = hintOf(failure, line)
  if (hint !== '') process.stderr.write(`${escapeLines(hint)}\n`)
  return failure.exitCode
}

const hintOf = ({ hint }: CliError, line: CommandLine): string =>
  hint === errorCodes.MEZ_USAGE_WRONG ? usageHint(line) : hint

const usageHint = ({ command }: CommandLine): string => `See what it takes: ${command} --help`

/** The parts of an error of oclif's parser that are used here. */
interface ParserError {
  readonly message?: string
  readonly oclif?: object
  readonly parse?: { readonly input?: { readonly args?: object; readonly flags?: object } }
  /** Missing arguments, or unexpected words. */
  readonly args?: readonly (string | { readonly name: string; readonly options?: readonly string[] })[]
  /** Unknown flags. */
  readonly flags?: readonly string[]
}

async function fromOclif(error: unknown, line: CommandLine): Promise<CliError> {
  const thrown = error as ParserError
  const { message = String(error), oclif, parse } = thrown
  const usage = (text: string) =>
    new CliError('MEZ_USAGE_WRONG', text, { cause: error, hint: usageHint(line) })
  const missing = (thrown.args ?? []).filter((arg) => typeof arg === 'object')
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name.toUpperCase())
    const all = Object.keys(parse?.input?.args ?? {}).map((name) => name.toUpperCase())
    const options = missing[0]?.options ? ` (${listed(missing[0].options)})` : ''
    const are = names.length === 1 ? 'is' : 'are'
    return usage(`${names.join(' and ')} ${are} missing: ${[line.command, ...all].join(' ')}${options}`)
  }
  if (thrown.flags !== undefined) {
    const [flag = ''] = thrown.flags
    const known = Object.keys(parse?.input?.flags ?? {}).map((name) => `--${name}`)
    return usage(`unknown flag ${flag}.${await didYouMean(flag, known)}`.replace(/\.$/, ''))
  }
  const text = message
    .replace(/\u001b\[[0-9;]*m/g, '')
    .replace(/\n?See more help with --help/, '')
    .trim()
  if (/^command .* not found\.?$/i.test(text)) return unknownCommand(line, error)
  const reworded = REWORDINGS.map(
    ([pattern, better]) => pattern.test(text) && text.replace(pattern, better),
  ).find((found) => found !== false)
  if (reworded !== undefined) return usage(reworded)
  if (parse !== undefined) return usage(text.replaceAll(/\s*\n\s*/g, ' '))
  return new CliError(oclif === undefined ? 'MEZ_CLI_FAULT' : 'MEZ_COMMAND_FAILED', text, { cause: error })
}

/** oclif's sentences, in the words of the other errors. */
const REWORDINGS: readonly [RegExp, string][] = [
  [/^Unexpected arguments?: (.+)$/s, 'unexpected argument: $1'],
  [/^The following errors? occurred:\s+Missing required flag (\S+).*$/s, '--$1 is missing'],
  [/^(?:Flag )?(--\S+) can only be specified once$/, '$1 is given twice'],
  [/^(?:Flag )?(--\S+) expects one of these values: (.+)$/, '$1 needs a value: $2'],
  [/^(?:Flag )?(--\S+) expects a value$/, '$1 needs a value'],
  [/^Expected (--[^=]+)=(.*) to be one of: (.+)$/s, '$1 "$2" is not valid; choose one of: $3'],
  [/^Expected (.*) to be one of: (.+)$/s, '"$1" is not valid; choose one of: $2'],
  [/^Parsing (--\S+)\s+Expected an integer but received: (.*)$/s, '$1 "$2" is not a whole number'],
  [
    /^Parsing (--\S+)\s+Expected an integer greater than or equal to (\d+) but .*: (.*)$/s,
    '$1 $3 is below $2',
  ],
  [/^Parsing (--\S+)\s+Expected an integer less than or equal to (\d+) but .*: (.*)$/s, '$1 $3 is above $2'],
  [/^Unexpected flag (\S+)$/, 'unknown flag $1'],
]

async function unknownCommand(
  { command, words = [], known = [] }: CommandLine,
  cause: unknown,
): Promise<CliError> {
  const [first = ''] = words
  const hint = `See every command: ${command} --help`
  if (first.startsWith('-')) {
    return new CliError('MEZ_USAGE_WRONG', `${first} comes before the command; put flags after it`, {
      cause,
      hint,
    })
  }
  const topics = new Set(known.map((one) => one.split(' ')[0]!))
  const typed = words.slice(0, 2).join(' ')
  const close = (await didYouMean(typed, known)) || (await didYouMean(first, [...topics]))
  const name = topics.has(first) || close !== '' ? typed : first
  return new CliError(
    'MEZ_USAGE_WRONG',
    `unknown command ${JSON.stringify(name)}.${close}`.replace(/\.$/, ''),
    {
      cause,
      hint,
    },
  )
}

function listed(values: readonly string[]): string {
  return [values.slice(0, -1).join(', '), values.at(-1)].filter(Boolean).join(' or ')
}

/** The candidate that `word` is most likely a misspelling of, or null when none is close. */
export async function suggest(word: string, candidates: readonly string[]): Promise<string | null> {
  if (word === '' || candidates.length === 0) return null
  const { closest, distance } = await import('fastest-levenshtein')
  const begins = candidates.filter((candidate) => word.length > 1 && candidate.startsWith(word))
  if (begins.length === 1) return begins[0]!
  const best = closest(word, [...candidates])
  return distance(word, best) <= Math.max(best.length < 4 ? 1 : 2, Math.floor(best.length / 3)) ? best : null
}

/** ` Did you mean "apps ls"?`, or nothing. */
export async function didYouMean(word: string, candidates: readonly string[]): Promise<string> {
  const found = await suggest(word, candidates)
  return found === null ? '' : ` Did you mean ${JSON.stringify(found)}?`
}
