import { CliError, escapeText } from '@mezite/cli'

/** Every reason for which the hub refuses a connection, as a sentence; `APP` stands for the name of the app. */
const SENTENCES: Readonly<Record<string, string>> = {
  app_limit: 'APP has reached its limit of connections; try again in a moment',
  app_unknown: 'there is no app named APP',
  role_missing: 'you have no role that opens APP; ask an administrator for access',
  label_mismatch: 'none of your roles opens APP; ask an administrator for access',
  label_denied: 'one of your roles denies access to APP',
  connector_not_allowed: 'APP needs another sign-in: run msh login again with --auth CONNECTOR',
  person_limit: 'you have reached your limit of connections; close some first',
  policy_failed: 'the hub could not check your access to APP; try again later',
  locked: 'your access is locked; ask an administrator',
  session_mfa_required: 'APP needs your passkey; open it in a browser',
  device_trust_required: 'APP needs a trusted device; open it in a browser',
  app_disabled: 'APP is disabled',
  protocol_mismatch: 'APP now speaks another protocol; start msh app login again',
  protocol_unknown: 'this hub does not serve HTTP apps to msh; open APP in a browser',
  revoked: 'your access to APP has just ended',
  view_stale: 'the hub cannot check access right now; try again in a moment',
  audit_unavailable: 'the hub cannot record access right now, so it grants none; try again later',
  draining: 'the hub is restarting',
  hub_stopping: 'the hub is restarting',
  session_ended: 'your login has ended',
  certificate_refused: 'the hub does not accept your certificate',
  certificate_expired: 'your certificate has expired',
  agent_not_bound: 'no agent serves APP; an administrator can add one with mezctl apps add-agent',
  agent_unbound: 'no agent serves APP; an administrator can add one with mezctl apps add-agent',
  agent_limit: 'the agents of APP are at their limit; try again in a moment',
  agent_none: 'no agent of APP is connected right now',
  app_unreachable: 'APP is not reachable right now',
  agent_timeout: 'the agent of APP did not respond in time',
  link_lost: 'the hub lost its connection to the agent of APP; try again',
  connection_refused: 'the machine of APP refuses connections: APP is not running there',
  unreachable: 'the agent cannot reach the machine of APP',
  connect_timeout: 'APP did not accept the connection in time',
  name_not_found: 'the agent cannot resolve the host name of APP',
  target_not_allowed: 'the agent is not allowed to reach APP (apps.allow in mezd.yaml)',
  target_invalid: 'the URI with which APP is registered is not valid',
  uri_invalid: 'the URI with which APP is registered is not valid',
  tls_failed: 'the agent does not trust the certificate of APP',
  hub_unreachable: 'the hub is not reachable',
}

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
    const text = (SENTENCES[reason] ?? 'the hub refused the connection to APP').replaceAll('APP', app)
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
