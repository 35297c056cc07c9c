import { errorCodes } from '@mezite/core/error-codes'
import { reasonNamed } from '@mezite/core/reasons'
import { CliError } from './cli-error.ts'
import type { HubEndpoint } from './hub-endpoint.ts'

const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/

/** TLS failures that naming another authority would not solve. */
const CERTIFICATE_HINTS: ReadonlyMap<string, string> = new Map([
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'Use a name that the certificate of the hub contains: the hub’s proxy.public_addr.',
  ],
  ['CERT_HAS_EXPIRED', 'Renew the certificate of the hub, or correct the clock of this machine.'],
  ['CERT_NOT_YET_VALID', 'Correct the clock of this machine.'],
])

/** The error for a request that failed before its response was complete. */
export function transportError(error: unknown, endpoint: HubEndpoint): CliError {
  if (error instanceof CliError) return error
  const { code = '', message = String(error), name } = error as NodeJS.ErrnoException
  const where = endpoint.description
  if (name === 'TimeoutError' || (name === 'AbortError' && code === 'ABORT_ERR')) {
    return new CliError('MEZ_HUB_TIMEOUT', `${where} did not respond in time`, { cause: error })
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new CliError('MEZ_SOCKET_DENIED', `no permission to open ${where}`, { cause: error })
  }
  if (UNTRUSTED.test(code)) {
    return new CliError('MEZ_TLS_UNTRUSTED', `the certificate of ${where} is not trusted: ${message}`, {
      cause: error,
      hint: CERTIFICATE_HINTS.get(code) ?? endpoint.trustHint ?? errorCodes.MEZ_TLS_UNTRUSTED,
    })
  }
  const local = endpoint.token === null && !endpoint.secure
  return new CliError('MEZ_HUB_UNREACHABLE', `cannot reach the hub at ${where}: ${message || code}`, {
    cause: error,
    ...(local && {
      hint: 'Check that the hub is running here, or name its data_dir with --data-dir DIR. For a hub elsewhere: mezctl login --proxy HOST.',
    }),
  })
}

/** The error for a response other than 2xx, from the code and detail of its problem document (RFC 9457). */
export function problemError(status: number, body: string, endpoint: HubEndpoint): CliError {
  const problem = parseProblem(body)
  if (problem === null) {
    const message = `${endpoint.description} responded with status ${status} and no reason`
    return new CliError('MEZ_HUB_UNEXPECTED', message, { status })
  }
  const { code, title, detail, status: _status, type: _type, ...members } = problem
  const text = [detail, title, `the hub responded with status ${status}`].find(
    (part) => typeof part === 'string' && part !== '',
  )
  const next = nextStep(status, problem, endpoint)
  // The first sentence names the right; the others say who has it, and the command that explains it.
  const [message = '', more] =
    members.right === undefined ? [String(text)] : String(text).split(/\.(?: (.*))?$/s, 2)
  return new CliError(String(code) as Lowercase<string>, message, {
    status,
    members,
    hint: more === undefined ? next : `${more}\n${next}`,
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

/** What the catalogue says about the code; of plugins, which have codes of their own, by the status. */
function nextStep(status: number, problem: Record<string, unknown>, endpoint: HubEndpoint): string {
  const { code, request_id: id } = problem
  if (status === 401) return endpoint.renewHint
  // The detail names the right, and the command that explains it.
  if (code === 'access_denied') return `The command used ${endpoint.description}.`
  const known = status === 500 ? undefined : reasonNamed(String(code))
  if (known !== undefined) return known.next
  if (status === 403) return ''
  if (status === 404) return 'List what exists with the ls command of the same topic.'
  if (status === 429) return 'Wait a moment and try again.'
  if (status >= 500 && typeof id === 'string') return `Look for request_id ${id} in the log of the hub.`
  if (status === 409) return 'See the current state with the ls or get command of the same topic.'
  return status < 500 ? 'Correct the value named above; --help shows what the command takes.' : ''
}
