import { CliError, escapeText } from '@mezite/cli-shared'

/** Every reason for which the hub refuses a connection, in plain words; `APP` is the name of the app. */
const WORDS: Readonly<Record<string, string>> = {
  app_limit: 'APP has as many connections as it may have; try again in a moment',
  app_unknown: 'there is no app APP',
  role_missing: 'none of your roles reaches APP; ask an administrator for one',
  label_denied: 'one of your roles denies APP',
  person_limit: 'you have as many connections open as you may have; close some first',
  policy_failed: 'a rule of the hub could not be checked, so APP stays closed; try again later',
  locked: 'your access is locked; ask an administrator',
  session_mfa_required:
    'APP demands a security key, which works in a browser only; msh cannot open it with your roles',
  device_trust_required:
    'APP demands a trusted device, which is known in a browser only; msh cannot open it with your roles',
  app_disabled: 'APP is switched off at the moment',
  protocol_mismatch: 'APP speaks another protocol than was asked for; start msh app login again',
  protocol_unknown: 'this hub does not serve HTTP apps to msh; open APP in a browser',
  view_stale: 'the hub is catching up with its database; try again in a moment',
  audit_unavailable: 'the hub cannot record access at the moment, so it gives none; try again later',
  draining: 'the hub is restarting',
  hub_stopping: 'the hub is restarting',
  session_ended: 'your login has ended',
  certificate_refused: 'the hub does not accept your certificate',
  certificate_expired: 'your certificate has expired',
  agent_not_bound: 'no agent serves APP; an administrator binds one with mezctl apps add-agent',
  agent_limit: 'all agents of APP are busy at the moment; try again in a moment',
  agent_none: 'no agent of APP is connected at the moment',
  app_unreachable: 'APP cannot be reached at the moment',
  agent_timeout: 'the agent of APP did not answer in time',
  link_lost: 'the hub has lost its tunnel to the agent of APP; try again',
  connection_refused: 'the agent reaches the machine of APP, but nothing listens there',
  unreachable: 'the agent cannot reach APP',
  connect_timeout: 'APP did not answer its agent in time',
  name_not_found: 'the agent cannot find the machine of APP by its name',
  target_not_allowed: 'the agent is not allowed to reach APP (apps.allow of mezd)',
  target_invalid: 'the address under which APP is registered is not valid',
  uri_invalid: 'the address under which APP is registered is not valid',
  tls_failed: 'the agent cannot verify the certificate of APP',
  hub_unreachable: 'the hub cannot be reached',
}

/** The hub or its agent said no to one connection. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  /** A stable code. */
  readonly reason: string

  /** `said`: what an administrator wrote to those who are refused. */
  constructor(app: string, status: number, reason: string, said = '') {
    const words = (WORDS[reason] ?? 'the hub refuses the connection to APP').replaceAll('APP', app)
    super(said === '' ? words : `${words}: ${escapeText(said)}`)
    this.status = status
    this.reason = reason
  }

  /** The login itself counts no more: nothing will be let through. */
  get endsLogin(): boolean {
    return this.status === 401
  }

  /** Passes by itself in a moment. */
  get passing(): boolean {
    return this.reason === 'draining' || this.reason === 'hub_stopping' || this.reason === 'view_stale'
  }

  /** As an error that ends the program. */
  toCliError(hint = ''): CliError {
    return new CliError(this.reason, this.message, { hint, status: this.status })
  }
}

/** The reason of an answer: only what looks like a code is believed. */
export function reasonOf(header: unknown): string {
  return typeof header === 'string' && /^[a-z0-9_]{1,64}$/.test(header) ? header : 'refused'
}

/** What an administrator wrote; nothing when it cannot be read. */
export function messageOf(header: unknown): string {
  if (typeof header !== 'string') return ''
  try {
    return decodeURIComponent(header)
  } catch {
    return ''
  }
}
