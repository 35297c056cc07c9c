import { type App, MezError, messageOf, Problem, type Subject } from '@mezite/core'
import { shownAs } from '@mezite/core/identity'
import { type Admission, plainHeaderName } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { limits } from '../limits.ts'
import { problemFor } from '../reasons.ts'
import { type AppMapping, type IdentitySource, upstreamAddress } from '../request/app-mapping.ts'
import type { AppRequest } from '../request/app-request.ts'
import type { NamedTransform } from '../request/body-pipeline.ts'
import { withoutOurCookies } from '../request/cookies.ts'
import { identityFact } from '../request/identity-parts.ts'
import { readableBy } from '../request/origin.ts'
import type { Admitted } from '../session/admission.ts'
import { isOfPreflight } from '../session/preflights.ts'
import { linesText } from '../upstream/http1-upstream.ts'
import type { HeaderText, RequestHead } from '../upstream/upstream.ts'
import { ForbiddenHeader, RefusedByPlugin, throughRequestHook } from './request-hook.ts'

const PLAIN = /^[\x21-\x24\x26-\x7e]+$/
const ROLE = /^[\x21-\x2b\x2d-\x7e]+$/
/** Compact serialisation of a JWS (RFC 7515, 7.1). */
const JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/
/** The lines that a browser puts into a preflight, by their lower-case names. */
export const PREFLIGHT =
  /^(?:accept|accept-(?:encoding|language)|access-control-request-[a-z-]+|cache-control|dnt|origin|pragma|priority|referer|sec-[a-z-]+|user-agent)$/

const NONE: readonly string[] = []

/** Target and header lines of a request as the client, and then plugins, set them. */
export interface ClientHead {
  readonly target: string
  readonly lines: readonly string[]
  /** Of the app. */
  readonly mapping: AppMapping
  /** What plugins do to the body. */
  readonly transforms?: readonly NamedTransform[]
}

/** Runs `http.request`. Throws `RefusedByPlugin`, another Problem for a result that cannot be sent, and what a tap throws. */
export function clientHead(deps: Deps, admitted: Admitted, mapping: AppMapping): ClientHead {
  const { request } = admitted
  const lines = ownLines(admitted, mapping)
  if (deps.httpHooks.request.empty) return { target: request.target, lines, mapping }
  return { ...throughRequestHook(deps, admitted, lines, mapping), mapping }
}

/** Builds the head of an admitted request; `own` null: runs `http.request` first. Returns a Problem when it cannot be sent. */
export function requestHead(
  deps: Deps,
  admitted: Admitted,
  mapping: AppMapping,
  own: ClientHead | null,
): RequestHead | Problem {
  try {
    return build(deps, admitted, mapping, own ?? clientHead(deps, admitted, mapping))
  } catch (error) {
    return headProblem(deps, admitted, error)
  }
}

function build(deps: Deps, admitted: Admitted, mapping: AppMapping, own: ClientHead): RequestHead {
  const { request, admission } = admitted
  const { requestId } = admission
  const { method, length, upgrade, trailers } = request
  const { target, transforms } = own
  const first = hubLines(deps, admitted, mapping)
  const mapped = mappedLines(own.lines, mapping)
  const held = admitted.held?.lines ?? NONE
  const changed = transforms !== undefined && transforms.length > 0 && length !== undefined
  // The person saw what came, and the app must get nothing else.
  if (held !== NONE && (changed || target !== request.target)) throw problemFor('held_changed')
  const set = mapping.setLines.length > 0 && isVouched(admission) ? [...mapped, ...mapping.setLines] : mapped
  const lines = held === NONE ? set : [...set, ...held]
  return {
    method,
    target,
    host: mapping.upstreamHost,
    first,
    requestId,
    lines,
    length: changed ? null : length,
    transforms: changed ? transforms : undefined,
    upgrade,
    trailers,
  }
}

/** Anyone can send a preflight, so nothing vouches for it. */
const isVouched = (admission: Admission): boolean => admission.subject !== null || !isOfPreflight(admission)

/** What the hub itself says about a request: who sends it, or the rule that admits it, and from where. */
export function hubLines(deps: Deps, { request, admission }: Admitted, mapping: AppMapping): HeaderText {
  const { subject, app } = admission
  const { clientIp } = request
  if (subject !== null) return identityOf(subject, deps.assertion.sign(subject, app), app, clientIp, mapping)
  const { verified } = admission
  return headerText([
    ...(isVouched(admission) && verified !== null ? verifiedLines(verified) : []),
    ...forwardingLines(clientIp, mapping),
  ])
}

/** The Problem for the browser when `clientHead` or `requestHead` threw; anything but a Problem is logged. */
export function headProblem({ log }: Deps, { admission }: Admitted, error: unknown): Problem {
  if (error instanceof Problem) return error
  log.error({ error: messageOf(error), request_id: admission.requestId }, 'failed to prepare a request')
  if (error instanceof Error && error.cause instanceof ForbiddenHeader) return problemFor('forward_refused')
  return problemFor('forward_failed')
}

/** Lines of the hub's response to a request that is refused. */
export const refusalLines = (problem: Problem, request: AppRequest, app: App): string[] => [
  ...['Vary', 'Origin', ...readableBy(request, app)],
  ...(problem instanceof RefusedByPlugin ? problem.lines : []),
]

/** The second name is that of earlier versions. */
const verifiedLines = (rule: string) => ['Mezite-Verified', rule, 'X-Mezite-Verified', rule]

/** Header lines of the client that may pass, cookies last. */
function ownLines(
  { request, admission, hides }: Admitted,
  { dropped, passed }: AppMapping,
): readonly string[] {
  // The app gets only the lines that a browser puts into a preflight.
  if (admission.verified !== null && isOfPreflight(admission))
    return filtered(request.lines, (name) => PREFLIGHT.test(name))
  const given = hides === null ? request.lines : filtered(request.lines, (name) => !hides.includes(name))
  const passing = dropped === null ? given : filtered(given, (name) => !dropped.has(plainHeaderName(name)))
  const guarded =
    passed.size === 0
      ? NONE
      : filtered(request.guarded, (name) => passed.has(name) && hides?.includes(name) !== true)
  let all = guarded.length === 0 ? passing : [...passing, ...guarded]
  if (dropped === null || !dropped.has('cookie'))
    for (const line of request.cookies) {
      const own = withoutOurCookies(line)
      if (own !== undefined) all = [...all, 'Cookie', own]
    }
  return all
}

function filtered(lines: readonly string[], passes: (name: string) => boolean): string[] {
  return lines.filter((_, i) => passes((lines[i - (i % 2)] as string).toLowerCase()))
}

/** The lines with the addresses that the app knows; the same array if none of them changes. */
function mappedLines(lines: readonly string[], mapping: AppMapping): readonly string[] {
  let made: string[] | null = null
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const { length } = lines[i] as string
    // Few names are compared at all.
    if (length !== 11 && (!mapping.isRenamed || (length !== 6 && length !== 7))) continue
    const value = lines[i + 1] as string
    const mapped = mappedValue(lines[i] as string, value, mapping)
    if (mapped === value) continue
    made ??= [...lines]
    made[i + 1] = mapped
  }
  return made ?? lines
}

function mappedValue(name: string, value: string, mapping: AppMapping): string {
  const lower = name.toLowerCase()
  const isAddress = lower === 'origin' || lower === 'referer' || lower === 'destination'
  return isAddress ? upstreamAddress(lower, value, mapping) : value
}

/** A name for a header: as it is when printable, else percent-encoded UTF-8. `%` is encoded too, so names stay distinct. */
function headerValue(name: string): string {
  if (PLAIN.test(name)) return name
  let text = ''
  for (const byte of Buffer.from(name, 'utf8')) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x25
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

interface Identity extends HeaderText {
  readonly assertion: string
  readonly app: App
  readonly clientIp: string
}

/** The latest identity of each subject. */
const identities = new WeakMap<Subject, Identity>()

/** The caller's identity and address, reused while subject, app, assertion and address are the same. */
function identityOf(
  subject: Subject,
  assertion: string,
  app: App,
  clientIp: string,
  mapping: AppMapping,
): HeaderText {
  const known = identities.get(subject)
  if (known?.assertion === assertion && known.app === app && known.clientIp === clientIp) return known
  checkAssertion(assertion)
  // The same person as in the assertion.
  const shown = shownAs(subject)
  const user = headerValue(shown.user)
  const roles = headerRoles(shown)
  const lines = ['Mezite-Jwt-Assertion', assertion, 'X-Mezite-User', user, 'X-Mezite-Roles', roles]
  for (const [name, source] of mapping.identity)
    for (const value of identityValues(source, shown, roles, assertion)) lines.push(name, value)
  lines.push(...forwardingLines(clientIp, mapping))
  const made = { ...headerText(lines), assertion, app, clientIp }
  // Only an object that cannot change may be a key.
  if (Object.isFrozen(subject) && Object.isFrozen(subject.roles)) identities.set(subject, made)
  return made
}

function headerText(lines: readonly string[]): HeaderText {
  const text = linesText(lines)
  // Memory of its own: it lives as long as its session, and a part of the shared pool would keep all of that.
  const bytes = Buffer.allocUnsafeSlow(text.length)
  bytes.write(text, 'latin1')
  return { lines, bytes }
}

type Shown = ReturnType<typeof shownAs>

/** The lines of one identity header; none without a fact that it needs. */
function identityValues(
  source: IdentitySource,
  subject: Shown,
  roles: string,
  assertion: string,
): readonly string[] {
  if (source === 'roles') return [roles]
  if (source === 'each_role') return subject.roles
  if (source === 'assertion') return [assertion]
  let text = ''
  for (const part of source) {
    const value = typeof part === 'string' ? part : identityFact(subject, part.fact)
    if (value === null) return []
    text += typeof part === 'string' ? part : headerValue(value)
  }
  return [text]
}

/** Any plugin may provide the service, and its result goes into a header. */
function checkAssertion(given: unknown): void {
  if (typeof given === 'string' && JWS.test(given)) return
  // A promise is not a token either, and its rejection must be handled.
  if (given instanceof Promise) given.catch(() => {})
  throw new MezError('MEZ_PART_INVALID', "the service 'assertion' did not return a signed token")
}

function headerRoles({ roles }: Pick<Subject, 'roles'>): string {
  const text = roles.join(',')
  if (text.length > limits.rolesBytes) throw problemFor('roles_too_long')
  if (!roles.every((role) => ROLE.test(role))) throw problemFor('roles_invalid')
  return text
}

function forwardingLines(clientIp: string, { publicHost, publicPort }: AppMapping): readonly string[] {
  const node = clientIp.includes(':') ? `"[${clientIp}]"` : clientIp
  const host = publicHost.includes(':') ? `"${publicHost}"` : publicHost
  return [
    ...['X-Forwarded-For', clientIp, 'X-Forwarded-Host', publicHost, 'X-Forwarded-Proto', 'https'],
    ...['X-Forwarded-Port', publicPort, 'Forwarded', `for=${node};host=${host};proto=https`],
  ]
}
