import { CliError, cliErrorCodes } from './cli-error.ts'
import type { HubConnection } from './hub-connection.ts'

const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/

/** Where another authority would not help. */
const CERTIFICATE_HINTS: ReadonlyMap<string, string> = new Map([
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'Reach the hub by a name that its certificate has: its proxy.public_addr.',
  ],
  ['CERT_HAS_EXPIRED', 'Renew the certificate of the hub, or set the clock of this machine right.'],
  ['CERT_NOT_YET_VALID', 'Set the clock of this machine right.'],
])

/** Whatever stopped a request before its answer was complete, with what was tried and the next step. */
export function transportError(error: unknown, connection: HubConnection): CliError {
  if (error instanceof CliError) return error
  const { code = '', message = String(error), name } = error as NodeJS.ErrnoException
  const where = connection.description
  if (name === 'TimeoutError' || (name === 'AbortError' && code === 'ABORT_ERR')) {
    return new CliError('MEZ_HUB_TIMEOUT', `${where} did not answer in time`, { cause: error })
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new CliError('MEZ_SOCKET_DENIED', `no permission to open ${where}`, { cause: error })
  }
  if (UNTRUSTED.test(code)) {
    return new CliError('MEZ_TLS_UNTRUSTED', `the certificate of ${where} is not trusted: ${message}`, {
      cause: error,
      hint: CERTIFICATE_HINTS.get(code) ?? connection.trustHint ?? cliErrorCodes.MEZ_TLS_UNTRUSTED,
    })
  }
  const hint =
    connection.token === null && !connection.secure
      ? 'Check that the hub runs; elsewhere: --data-dir DIR for its data_dir, or `mezctl login --proxy HOST`.'
      : undefined
  return new CliError('MEZ_HUB_UNREACHABLE', `cannot reach the hub over ${where}: ${message || code}`, {
    cause: error,
    ...(hint ? { hint } : {}),
  })
}

/** The error that an answer other than 2xx stands for: its problem document's code and detail (RFC 9457). */
export function problemError(status: number, body: string, connection: HubConnection): CliError {
  const problem = parseProblem(body)
  if (problem === null) {
    return new CliError(
      'MEZ_HUB_UNEXPECTED',
      `${connection.description} answered ${status} without a reason`,
      { status },
    )
  }
  const { code, title, detail, status: _status, type: _type, ...members } = problem
  const text = [detail, title, `the hub answered ${status}`].find(
    (part) => typeof part === 'string' && part !== '',
  )
  return new CliError(String(code), String(text), {
    status,
    members,
    hint: nextStep(status, problem, connection),
  })
}

function parseProblem(body: string): Record<string, unknown> | null {
  try {
    const problem = JSON.parse(body)
    return typeof problem?.code === 'string' ? problem : null
  } catch {
    return null
  }
}

/** By code, where the status alone would say too little or the wrong thing. */
const NEXT_STEPS: ReadonlyMap<unknown, string> = new Map([
  ['invalid_request', 'Correct what is named; --help says what the command takes.'],
  ['token_makes_no_token', 'Sign in with `mezctl login --proxy HOST`, or run it on the machine of the hub.'],
  ['roles_exceed_own', 'Name roles that you have yourself.'],
  ['rotation_phase', 'Leave --phase out to see where the rotation stands and what comes next.'],
  [
    'rotation_waiting',
    'Leave --phase out to see who would be shut out and until when; --force does not wait.',
  ],
  ['view_stale', 'Try again in a moment; when it stays like this, the hub does not reach its database.'],
  ['agent_not_bound', 'See its agents with `mezctl apps get NAME`.'],
  ['key_unknown', 'See keys and links with `mezctl users list-mfa NAME`.'],
])

function nextStep(status: number, problem: Record<string, unknown>, connection: HubConnection): string {
  const known = NEXT_STEPS.get(problem.code)
  if (known !== undefined) return known
  if (status === 401) return connection.renewHint
  if (status === 403) return `Only role admin may do this; asked over ${connection.description}.`
  if (status === 404) return 'List what there is with the ls command of the same topic.'
  if (status === 429) return 'Wait a little and try again.'
  if (status >= 500 && typeof problem.request_id === 'string') {
    return `Look for request_id ${problem.request_id} in the log of the hub.`
  }
  if (status === 409) return 'Look at what there is now with the ls or get command of the same topic.'
  return status < 500 ? 'Correct what is named; --help says what the command takes.' : ''
}
