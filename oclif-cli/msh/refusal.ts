import { CliError, escapeText } from '@mezite/cli'
import { reasonNamed } from '@mezite/core/reasons'

/** What the catalogue says to a person at a terminal. */
const sentenceOf = (reason: string): string =>
  reasonNamed(reason)?.msh ?? 'the hub refused the connection to APP'

/** Refusals that pass by themselves within moments. */
const PASSING = new Set(['draining', 'hub_stopping', 'view_stale'])

/** The hub or an agent refused one connection. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  /** A stable code. */
  readonly reason: string

  /** `message` is the administrator's text for the users whom a lock refuses. */
  constructor(app: string, status: number, reason: string, message = '') {
    const text = sentenceOf(reason).replaceAll('APP', app)
    super(message === '' ? text : `${text}: ${escapeText(message)}`)
    this.status = status
    this.reason = reason
  }

  /** The login itself is over: the hub will refuse everything. */
  get endsLogin(): boolean {
    return this.status === 401
  }

  /** True if another attempt after a moment may succeed. */
  get passing(): boolean {
    return PASSING.has(this.reason)
  }

  /** The error with which a program ends. */
  toCliError(): CliError {
    const listable = ['app_unknown', 'role_missing', 'label_mismatch'].includes(this.reason)
    const hint = listable ? 'See the apps that you may open with msh app ls.' : ''
    return new CliError(this.reason as Lowercase<string>, this.message, { hint, status: this.status })
  }
}

/** The reason in a response header, if it has the form of a code. */
export function reasonOf(header: unknown): string {
  return typeof header === 'string' && /^[a-z0-9_]{1,64}$/.test(header) ? header : 'refused'
}

/** The administrator's message in a response header; empty if it cannot be decoded. */
export function lockMessageOf(header: unknown): string {
  if (typeof header !== 'string') return ''
  try {
    return decodeURIComponent(header)
  } catch {
    return ''
  }
}

/** The status that reports a failed connection to an HTTP app: always an error status. */
export function failureStatus(error: unknown): number {
  return error instanceof Refusal && error.status >= 400 ? error.status : 502
}

/** A sentence about a failed connection to an HTTP app, with its code. */
export function describeFailure(error: unknown, app: string): string {
  if (error instanceof Refusal) return `${error.message} (${error.reason})`
  return `the connection to ${app} was lost before it responded (connection_lost)`
}
