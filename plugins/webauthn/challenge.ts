import { createHash } from 'node:crypto'
import { Problem, type Session, type Static, Type, type User, type WebRoutes } from '@mezite/core'
import type { Binding } from './ceremonies.ts'
import type { Deps, Reply, Request } from './deps.ts'
import type { KeyRow } from './migrations.ts'
import { problemFor } from './reasons.ts'
import { verifyAssertion } from './response-verification.ts'

/** Responses of one person per minute, valid or not. */
const RESPONSES_PER_MINUTE = 30
/** Only a person who has signed in this recently can add or remove passkeys. */
export const FRESH_MS = 10 * 60_000
const BODY_BYTES = 65_536

export const text = Type.String({ maxLength: 16_384 })
export const KeyName = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
  must: '1 to 64 characters, none of them a control character',
})
/** Members of a body with the response of a passkey. */
export const proof = { ceremony: text, response: Type.Object({}, { additionalProperties: true }) }

/** Options of a page for people who may not have signed in yet. */
export const page = { config: { access: 'public', rate: 'sign_in' } } as const

/** Options of a page for signed-in people. */
export const personalPage = { config: { access: 'page', rate: 'sign_in' } } as const

type Fields = Parameters<typeof Type.Object>[0]
type Answer<F extends Fields> = (
  request: Request & { readonly body: Static<ReturnType<typeof Type.Closed<F>>> },
  reply: Reply,
) => Promise<unknown>

/** Adds calls by scripts of pages with these options; the fields of a call are the members of its body. */
const callsOf =
  (options: object) =>
  <F extends Fields>(web: Parameters<WebRoutes['routes']>[0], path: string, fields: F, answer: Answer<F>) => {
    const schema = { body: Type.Closed(fields) }
    web.post(path, { ...options, bodyLimit: BODY_BYTES, schema }, answer as never)
  }

/** Adds a call by the script of `page`, whose answer calls `requireOwnPage`. */
export const call = callsOf(page)

/** Adds a call by the script of `personalPage`. */
export const personalCall = callsOf(personalPage)

/** Pages are served on the sign-in host only. True when the browser was redirected there. */
export function sentHome({ publicNames }: Deps, request: Request, reply: Reply): boolean {
  const host = request.headers[':authority'] ?? request.headers.host
  if (host === new URL(publicNames.signInOrigin).host) return false
  reply.redirect(publicNames.signInOrigin + request.url, 302)
  return true
}

/** Accepts calls from the sign-in host's own pages only, and only while the hub's view is fresh. Throws `Problem`. */
export function requireOwnPage({ publicNames, revisions }: Deps, request: Request): void {
  const host = request.headers[':authority'] ?? request.headers.host
  if (host !== new URL(publicNames.signInOrigin).host) {
    throw problemFor('wrong_host', `This page is served at ${publicNames.signInOrigin} only.`)
  }
  if (request.headers.origin !== publicNames.signInOrigin) {
    throw problemFor('csrf')
  }
  if (!revisions.fresh()) throw problemFor('view_stale')
}

/** The signed-in person of this browser. Throws `Problem` 401, with the text `missing`, when there is none. */
export async function personOf(
  deps: Deps,
  request: Request,
  missing?: string,
): Promise<{ session: Session; user: User }> {
  const session = await deps.desk.sessionOf(request)
  const user = session && deps.sessions.subjectOf(session) ? deps.users.byName(session.user) : undefined
  if (!session || !user) throw sessionEnded(missing)
  return { session, user }
}

export const sessionEnded = (detail = 'Your session has ended. Open the page again.') =>
  problemFor('login_required', detail)

/** Counts one more response of this person, or of the address while the person is unknown. Throws `Problem` 429. */
export function countResponse({ rates }: Deps, key: string): void {
  if (rates.take(key, RESPONSES_PER_MINUTE)) return
  throw problemFor('too_many_requests', 'Too many attempts. Try again in a minute.')
}

/** Creates a challenge, which is `statement` if given, for an assertion by one of these passkeys; without any, by one that the browser finds. */
export async function askAssertion(
  deps: Deps,
  binding: Binding,
  keys: readonly KeyRow[],
  statement?: Uint8Array,
) {
  const given = statement && Buffer.from(statement).toString('base64url')
  const { challenge, ceremony } = deps.ceremonies.begin(binding, given)
  // Loaded with the first ceremony, because many hubs never have one.
  const { generateAuthenticationOptions } = await import('@simplewebauthn/server')
  const options = await generateAuthenticationOptions({
    rpID: deps.party.rpId,
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    allowCredentials: keys.map(({ id, transports }) => ({ id, transports: JSON.parse(transports) })),
    userVerification: 'required',
    timeout: 60_000,
  })
  return { options, ceremony }
}

/** Creates a challenge, which is `statement` if given, for one of these passkeys of a person. Throws `Problem` 409 if there is none. */
export async function askOneOf(
  deps: Deps,
  binding: Binding,
  able: readonly KeyRow[],
  statement?: Uint8Array,
) {
  if (able.length === 0) throw problemFor('key_missing')
  return askAssertion(deps, binding, able, statement)
}

/** Counts the response in the body of a call by a signed-in person, and accepts it as `takeAssertion` if the passkey is theirs. */
export function takeOwnAssertion(
  deps: Deps,
  request: Request & { readonly body: { readonly ceremony: string; readonly response: unknown } },
  {
    user,
    ...input
  }: Pick<Parameters<typeof takeAssertion>[2], 'binding' | 'session' | 'app'> & { user: User },
) {
  countResponse(deps, user.key)
  const { ceremony, response } = request.body
  const findKey = async (id: string) => {
    const key = (await deps.keys.of(user)).find((one) => one.id === id)
    return key && { key, user }
  }
  return takeAssertion(deps, request, { ...input, ceremony, response, findKey })
}

/**
 * Accepts an assertion: spends the challenge, verifies the signature and stores the counter. `findKey` returns the passkey
 * if it may respond. Records `mfa.verified` or `mfa.failed`. Throws `Problem`. Without a sign-in, the error for an existing
 * and for an unknown passkey is the same, unless the signature is valid.
 */
export async function takeAssertion(
  deps: Deps,
  request: Request,
  input: {
    readonly ceremony: string
    readonly binding: Binding
    readonly response: unknown
    readonly session: Session | null
    readonly app?: string | null
    readonly findKey: (id: string) => Promise<{ key: KeyRow; user: User } | undefined>
  },
): Promise<{ key: KeyRow; user: User }> {
  const { ceremonies, keys, audit, sessions, party } = deps
  const id = (input.response as { id?: unknown }).id
  let found: Awaited<ReturnType<typeof input.findKey>>
  let verified = false
  try {
    const challenge = await ceremonies.spend(input.ceremony, input.binding)
    found = typeof id === 'string' && id.length <= 1_400 ? await input.findKey(id) : undefined
    if (!found) throw keyUnknown()
    const counter = await verifyAssertion(input.response, challenge, party, found.key)
    verified = true
    if (!(await keys.use(found.key, counter))) {
      const detail =
        'The counter of your passkey went back, so a copy of it may exist. Contact your administrator.'
      throw problemFor('counter_went_back', detail)
    }
    record(true, null)
    return found
  } catch (error) {
    record(false, error instanceof Problem ? error.code : 'internal_error')
    throw found && !verified && input.session === null ? keyUnknown() : error
  }

  function record(success: boolean, reason: string | null): void {
    // A stranger can send this without a registered passkey, so it is not an event.
    if (!found && input.session === null) return
    const subject = input.session ? sessions.subjectOf(input.session) : undefined
    audit.record({
      type: success ? 'mfa.verified' : 'mfa.failed',
      success,
      reason,
      user: found?.user.name ?? subject?.user ?? null,
      roles: subject?.roles ?? null,
      clientIp: request.clientIp,
      sessionId: input.session?.id ?? null,
      requestId: request.id,
      fields: {
        credential_id: found?.key.id ?? null,
        purpose: input.binding.purpose,
        app: input.app ?? null,
      },
    })
  }
}

const keyUnknown = () => new Problem(400, 'key_unknown', 'This passkey is not one of yours.')

export const sha256 = (value: string): string => createHash('sha256').update(value).digest('base64url')
