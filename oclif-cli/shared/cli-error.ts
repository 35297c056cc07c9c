import { escapeText } from './text-escaping.ts'

/** Every code that a command line itself gives, with its general next step. Codes of the hub come as the hub sends them. */
export const cliErrorCodes = {
  MEZ_USAGE: 'Add --help to see what is allowed.',
  MEZ_FILE_UNREADABLE: 'Check the path and the permissions of the file.',
  MEZ_FILE_UNWRITABLE: 'Check the path, the permissions of the folder and the space left.',
  MEZ_DOCUMENT_INVALID: 'Correct the listed places; nothing was changed by a document that is listed.',
  MEZ_SECRET_MISSING: 'Set client_secret to {file: PATH} or {env: NAME} and make sure that it exists.',
  MEZ_HUB_UNREACHABLE: 'Check that the hub runs and that this machine reaches it.',
  MEZ_HUB_TIMEOUT: 'The hub did not answer in time; look at its log.',
  MEZ_HUB_UNEXPECTED: 'Check that the address is a Mezite hub of this version.',
  MEZ_SOCKET_DENIED: 'Run as the user that the hub runs as, or sign in with `mezctl login --proxy HOST`.',
  MEZ_TLS_UNTRUSTED: 'Give its authority: --ca-file at login, or NODE_EXTRA_CA_CERTS.',
  MEZ_NOT_LOGGED_IN: 'Run `login --proxy HOST[:PORT]`.',
  MEZ_LOGIN_EXPIRED: 'Run `login --proxy HOST[:PORT]` again, or `logout` to use the admin socket.',
  MEZ_LOGIN_FAILED: 'Run `login` again.',
  MEZ_IDENTITY_INVALID: 'Make another one with `msh login --out FILE`.',
  MEZ_LOGIN_ENDED: 'Run `login --proxy HOST[:PORT]` again.',
  MEZ_PORT_TAKEN: 'Choose another port with --port, or leave it out to get a free one.',
  MEZ_HUB_UNTRUSTED:
    'Sign in again; if that does not help, tell an administrator: somebody may stand between you and the hub.',
  MEZ_CREDENTIALS_UNSAFE: 'Run chmod 600 on the file, or remove it and sign in again.',
  MEZ_NOT_CONFIRMED: 'Nothing was changed. Add --yes to go ahead without being asked.',
  MEZ_AUDIT_ALTERED:
    'Keep the database as it is, and compare with a backup and with copies of the trail elsewhere.',
  MEZ_CLI_FAULT: 'This is a fault of the program; please report it with the command that you typed.',
} as const satisfies Record<string, string>

export type CliErrorCode = keyof typeof cliErrorCodes

export interface CliErrorOptions {
  /** The next step; the code's general one when left out. */
  readonly hint?: string
  readonly cause?: unknown
  /** Status and further members of the problem document, for an answer of the hub. */
  readonly status?: number
  readonly members?: Readonly<Record<string, unknown>>
}

/** A failure that is told to the person as `error: WHAT (CODE)` and a next step. Wrong usage exits 2, all else 1. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: string
  readonly hint: string
  readonly status: number | null
  readonly members: Readonly<Record<string, unknown>>

  constructor(code: CliErrorCode | (string & {}), message: string, options: CliErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? (cliErrorCodes as Record<string, string>)[code] ?? ''
    this.status = options.status ?? null
    this.members = options.members ?? {}
  }

  get exitCode(): 1 | 2 {
    return this.code === 'MEZ_USAGE' ? 2 : 1
  }
}

/** The message of anything that was thrown, safe on a terminal. */
export function messageOf(error: unknown): string {
  return escapeText(error instanceof Error ? error.message : String(error))
}
