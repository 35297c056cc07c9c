import { MezError, messageOf, Problem, type Subject } from '@mezite/core'
import type { Deps } from '../deps.ts'
import { limits } from '../limits.ts'
import { type AppNames, upstreamReference } from '../relay/location.ts'
import type { Admitted } from '../session/admission.ts'
import type { AppRequest } from './app-request.ts'
import { withoutOurCookies } from './cookies.ts'
import { isReserved } from './header-names.ts'

const PLAIN = /^[\x21-\x24\x26-\x7e]+$/
const ROLE = /^[\x21-\x2b\x2d-\x7e]+$/
/** Compact serialisation of a JWS (RFC 7515, 7.1). */
const JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const PREFLIGHT =
  /^(?:accept|accept-(?:encoding|language)|access-control-request-[a-z-]+|cache-control|dnt|origin|pragma|priority|referer|sec-[a-z-]+|user-agent)$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * The request head towards the app. Identity comes first on the wire, because some servers drop header lines
 * beyond a count, silently. Throws a Problem where it would have to cut something short.
 */
export function headFor(deps: Deps, admitted: Admitted, names: AppNames): Buffer {
  const { request, app, subject, requestId } = admitted
  let head = `${request.method} ${request.target} HTTP/1.1\r\nHost: ${names.upstreamHost}\r\n`
  // A preflight carries nobody's identity.
  if (subject !== null) head += linesOf(subject, deps.assertion.sign(subject, app))
  head += forwardingLines(request, names, requestId)
  const own = subject === null ? preflightLines(request.lines) : request.lines
  const lines = subject === null ? own : deps.forwardHeaders(own, { subject, app })
  const checked = lines === own
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const name = lines[i] as string
    let value = lines[i + 1] as string
    if (!checked && !mayAdd(name, value))
      throw new Problem(500, 'forward_refused', 'A plugin set a header that it may not set.')
    if (name.length === 6 && name.toLowerCase() === 'origin') value = upstreamReference(value, names)
    else if (name.length === 7 && name.toLowerCase() === 'referer') value = upstreamReference(value, names)
    head += `${name}: ${value}\r\n`
  }
  for (const line of subject === null ? [] : request.cookies) {
    const kept = withoutOurCookies(line)
    if (kept !== undefined) head += `Cookie: ${kept}\r\n`
  }
  return Buffer.from(head + framingLines(request), 'latin1')
}

/** What the browser is told when `headFor` threw; what is no Problem is logged. */
export function headProblem({ log }: Deps, { requestId }: Admitted, error: unknown): Problem {
  if (error instanceof Problem) return error
  log.error({ error: messageOf(error), request_id: requestId }, 'no request head')
  return new Problem(500, 'forward_failed', 'The request could not be prepared.')
}

/** A user name for a header: as it is when printable, else percent-encoded UTF-8. `%` is encoded too, so no two names meet. */
function headerUser(name: string): string {
  if (PLAIN.test(name)) return name
  let text = ''
  for (const byte of Buffer.from(name, 'utf8')) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

/** What a browser puts into a preflight: anybody can send one, so nothing else reaches the app unknown. */
function preflightLines(lines: readonly string[]): readonly string[] {
  return lines.filter((_, i) => PREFLIGHT.test((lines[i - (i % 2)] as string).toLowerCase()))
}

interface Identity {
  readonly assertion: string
  readonly lines: string
}

/** The last lines of each subject. */
const identities = new WeakMap<Subject, Identity>()

/** Who is calling: the same lines as for the request before, when it is the same subject object with the same assertion. */
function linesOf(subject: Subject, assertion: string): string {
  const known = identities.get(subject)
  if (known?.assertion === assertion) return known.lines
  checkAssertion(assertion)
  const lines = identityLines(subject, assertion)
  // Only what cannot change under us may be a key.
  if (Object.isFrozen(subject) && Object.isFrozen(subject.roles))
    identities.set(subject, { assertion, lines })
  return lines
}

/** Any plugin may provide the service, and what it gives goes into a header. */
function checkAssertion(given: unknown): void {
  if (typeof given === 'string' && JWS.test(given)) return
  // A promise of one is none either, and if it rejects, nobody else is told.
  if (given instanceof Promise) given.catch(() => {})
  throw new MezError('MEZ_PART_INVALID', "what the service 'assertion' gave is no signed token")
}

function identityLines(subject: Subject, assertion: string): string {
  const roles = subject.roles.join(',')
  if (roles.length > limits.rolesBytes)
    throw new Problem(
      500,
      'roles_too_long',
      'Your roles do not fit into one request. Ask an administrator to give you fewer.',
    )
  if (!subject.roles.every((role) => ROLE.test(role)))
    throw new Problem(500, 'roles_invalid', 'One of your roles has a name that cannot be sent.')
  return (
    `Mezite-Jwt-Assertion: ${assertion}\r\n` +
    `X-Mezite-User: ${headerUser(subject.user)}\r\n` +
    `X-Mezite-Roles: ${roles}\r\n`
  )
}

function framingLines({ upgrade, length }: AppRequest): string {
  if (upgrade) return 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  if (length === null) return 'Transfer-Encoding: chunked\r\n\r\n'
  return length === undefined ? '\r\n' : `Content-Length: ${length}\r\n\r\n`
}

function forwardingLines(request: AppRequest, names: AppNames, requestId: string): string {
  const { clientIp } = request
  const node = clientIp.includes(':') ? `"[${clientIp}]"` : clientIp
  const host = names.publicHost.includes(':') ? `"${names.publicHost}"` : names.publicHost
  return (
    `X-Forwarded-For: ${clientIp}\r\nX-Forwarded-Host: ${names.publicHost}\r\nX-Forwarded-Proto: https\r\n` +
    `Forwarded: for=${node};host=${host};proto=https\r\nX-Request-Id: ${requestId}\r\n`
  )
}

function mayAdd(name: string, value: string): boolean {
  const lower = name.toLowerCase()
  const plain = NAME.test(name) && VALUE.test(value)
  return plain && (!isReserved(lower) || /^(?:sec-fetch-|access-control-request-method$)/.test(lower))
}
