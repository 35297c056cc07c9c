import { randomUUID } from 'node:crypto'
import {
  type Audit,
  type Clock,
  type Session,
  type Sessions,
  type Static,
  type Subject,
  Type,
  type Users,
} from '@mezite/core'
import type { LockView, SigningKeys } from '@mezite/core/identity'
import type Provider from 'oidc-provider'
import type { errors, KoaContextWithOIDC } from 'oidc-provider'
import { TOKEN_EXCHANGE } from './bot-proofs.ts'
import { calls } from './calls.ts'
import { consentOf } from './consent.ts'
import { ID_JAG_TOKEN } from './enterprise.ts'
import { ID_JAG } from './identity-assertion.ts'
import type { Records } from './records.ts'

const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const LIFE_SECONDS = 300
const SKEW_SECONDS = 60
const LONGEST_TOKEN = 16_384

/** Another authorization server to which programs of this hub's people may be led. */
export const IssuedAssertions = Type.Closed({
  audience: Type.String({
    maxLength: 512,
    pattern: '^https://[^\\s?#]+$',
    description: 'The issuer of the other authorization server, as its metadata name it',
  }),
  client_ids: Type.Array(Type.String({ minLength: 1, maxLength: 2_048 }), {
    minItems: 1,
    maxItems: 100,
    description: 'Client IDs of the programs, the same here and there; each needs a key or a secret',
  }),
  roles: Type.Array(Type.String({ minLength: 1, maxLength: 63 }), {
    minItems: 1,
    maxItems: 100,
    description: 'The people who have one of these roles',
  }),
  scopes: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,128}$' }), {
    maxItems: 100,
    default: [],
    description: 'The scopes that an assertion may name',
  }),
})

export type IssuedAssertions = Static<typeof IssuedAssertions>

export interface AssertionIssuingDeps {
  readonly assertions: readonly IssuedAssertions[]
  readonly issuer: string
  readonly keys: Pick<SigningKeys, 'current' | 'published'>
  readonly records: Pick<Records, 'list'>
  readonly sessions: Pick<Sessions, 'byId' | 'subjectOf'>
  readonly users: Pick<Users, 'byName'>
  readonly locks: LockView
  readonly audit: Pick<Audit, 'record' | 'accepting'>
  readonly clock: Clock
  readonly thrown: Pick<
    typeof errors,
    'InvalidGrant' | 'InvalidRequest' | 'InvalidScope' | 'InvalidTarget' | 'TemporarilyUnavailable'
  >
}

/** Gives programs assertions about their people for other authorization servers, by token exchange (RFC 8693). */
export function createAssertionIssuing(deps: AssertionIssuingDeps) {
  const { assertions, issuer, keys, records, sessions, users, locks, audit, clock, thrown } = deps

  /** The account in an ID token that this hub gave this program. */
  async function accountIn(token: unknown, clientId: string): Promise<string> {
    if (typeof token !== 'string' || token.length > LONGEST_TOKEN)
      throw new thrown.InvalidGrant('the subject token is missing or too long')
    const { createLocalJWKSet, errors, jwtVerify } = await import('jose')
    try {
      const { payload, protectedHeader } = await jwtVerify(
        token,
        createLocalJWKSet({ keys: keys.published() as never }),
        {
          algorithms: ['RS256'],
          issuer,
          audience: clientId,
          clockTolerance: SKEW_SECONDS,
          currentDate: new Date(clock.now()),
          requiredClaims: ['exp', 'iat', 'sub'],
        },
      )
      // Logout tokens and assertions are signed by the same keys, and say something else.
      const { typ = 'JWT' } = protectedHeader
      const single = [payload.aud].flat().length === 1
      if (typ.toLowerCase() === 'jwt' && single && !('events' in payload)) return payload.sub as string
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error
    }
    throw new thrown.InvalidGrant('the subject token is not a valid ID token of this program')
  }

  /** The person, if what they gave the program has not ended. */
  async function personOf(
    account: string,
    clientId: string,
  ): Promise<{ readonly session: Session; readonly subject: Subject }> {
    for (const row of await records.list('Grant', { client_id: clientId, account })) {
      const consent = consentOf(row)
      const session = consent && sessions.byId(consent.anchor)
      if (session === undefined || session.holder !== account) continue
      if (users.byName(session.user)?.holder !== account) continue
      const subject = sessions.subjectOf(session)
      if (subject === undefined) continue
      if (locks.lockFor(subject, null) !== null) throw new thrown.InvalidGrant('the person is locked')
      return { session, subject }
    }
    throw new thrown.InvalidGrant('the person’s sign-in at this program has ended')
  }

  /** The rule of the configuration for the person, the program and the other server. */
  function ruleFor(audience: unknown, clientId: string, { roles }: Subject): IssuedAssertions {
    const rule = assertions.find(
      (one) =>
        one.audience === audience &&
        one.client_ids.includes(clientId) &&
        one.roles.some((role) => roles.includes(role)),
    )
    if (rule === undefined)
      throw new thrown.InvalidTarget('no rule of the configuration fits program, person and audience')
    return rule
  }

  function scopeOf(asked: unknown, { scopes }: IssuedAssertions): string | undefined {
    if (asked === undefined) return undefined
    const wanted = String(asked).split(' ')
    if (!wanted.every((scope) => scopes.includes(scope)))
      throw new thrown.InvalidScope('the configuration does not have this scope', String(asked).slice(0, 64))
    return wanted.join(' ')
  }

  function resourceOf(asked: unknown): string | undefined {
    if (asked === undefined) return undefined
    const text = String(asked)
    const url = text.length <= 512 ? URL.parse(text) : null
    if (url?.protocol !== 'https:' || text.includes('#') || url.username !== '' || url.password !== '')
      throw new thrown.InvalidTarget('resource must be an https URL')
    return text
  }

  const names = (clientId: string): boolean =>
    assertions.some(({ client_ids }) => client_ids.includes(clientId))

  return {
    /** Whether a rule names the program. */
    names,
    mayAsk: (clientId: string, authentication: string | undefined): boolean =>
      authentication !== 'none' && names(clientId),

    /** The grant, for a request of a program that is not a bot. */
    async exchange(ctx: KoaContextWithOIDC): Promise<void> {
      const call = calls.getStore()!
      const { clientId } = ctx.oidc.client!
      const params = ctx.oidc.params as Readonly<Record<string, unknown>>
      if (!audit.accepting) throw new thrown.TemporarilyUnavailable('audit_unavailable')
      if (params.requested_token_type !== ID_JAG_TOKEN || params.subject_token_type !== ID_TOKEN)
        throw new thrown.InvalidRequest('programs exchange an id_token for an id-jag')
      const account = await accountIn(params.subject_token, clientId)
      const { session, subject } = await personOf(account, clientId)
      call.provenUser = session.user
      const rule = ruleFor(params.audience, clientId, subject)
      const scope = scopeOf(params.scope, rule)
      const resource = resourceOf(params.resource)
      const key = keys.current()
      if (key === undefined) throw new thrown.TemporarilyUnavailable('there is no key yet')
      const { SignJWT } = await import('jose')
      const iat = Math.floor(clock.now() / 1_000)
      const jti = randomUUID()
      const claims = { client_id: clientId, ...(scope && { scope }), ...(resource && { resource }) }
      const assertion = await new SignJWT({ ...claims, iss: issuer, sub: account, aud: rule.audience, jti })
        .setIssuedAt(iat)
        .setExpirationTime(iat + LIFE_SECONDS)
        .setProtectedHeader({ alg: 'RS256', typ: ID_JAG, kid: key.kid })
        .sign(key.privateKey)
      audit.record({
        type: 'token.issued',
        success: true,
        user: session.user,
        roles: subject.roles,
        sessionId: session.id,
        clientIp: call.clientIp,
        requestId: call.requestId,
        fields: { name: rule.audience, client: clientId, program: session.client, kind: 'id_jag' },
      })
      ctx.body = {
        access_token: assertion,
        issued_token_type: ID_JAG_TOKEN,
        token_type: 'N_A',
        expires_in: LIFE_SECONDS,
        ...(scope && { scope }),
      }
    },
  }
}

export type AssertionIssuing = ReturnType<typeof createAssertionIssuing>

/** Lets the programs of the configuration use the grant, and registers it unless bots have it already. */
export function registerIssuing(
  provider: Provider,
  { mayAsk, exchange }: AssertionIssuing,
  isRegistered: boolean,
): void {
  const { prototype } = provider.Client
  const { grantTypeAllowed } = prototype
  prototype.grantTypeAllowed = function (name) {
    return (
      grantTypeAllowed.call(this, name) ||
      (name === TOKEN_EXCHANGE && mayAsk(this.clientId, this.clientAuthMethod))
    )
  }
  if (isRegistered) return
  provider.registerGrantType(TOKEN_EXCHANGE, exchange as never, [
    ...['scope', 'resource', 'audience', 'subject_token', 'subject_token_type', 'requested_token_type'],
  ])
}
