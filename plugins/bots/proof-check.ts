import { type Catalog, type Clock, Problem, type PublicNames, type Sessions } from '@mezite/core'
import { causesOf, type LockView } from '@mezite/core/identity'
import type { Principal } from '@mezite/core/types'
import type { JWTPayload, ProtectedHeaderParameters } from 'jose'
import { type PersonNeeds, personFor } from './agent-person.ts'
import { type TrustRule, USER_PREFIX } from './bot-resource.ts'
import type { BotAgent, StoredBot, StoredBots } from './bots.ts'
import { type Claims, shown, unmetRules } from './claim-rules.ts'
import { type IssuerKeys, IssuerUnreachable } from './issuer-keys.ts'
import { createProofs, type Proofs } from './proofs.ts'
import { reasons } from './reasons.ts'
import { ProofRefused, reasonOf } from './refusal-reason.ts'
import { isSecret, PREFIX } from './secret.ts'
import type { SpentProofs } from './spent-proofs.ts'

/** Of the bots that trust the issuer of a token, so many are checked. */
const MOST_BOTS = 50
const MOST_CLAIMS = 100
const LONGEST_CAUSE = 300
const ACCESS_TOKEN = /^mezite_at_([A-Za-z0-9_-]{43})$/

/** What a token says about itself. Nothing of it is verified. */
export interface ReadToken {
  readonly kind: 'id_token' | 'assertion' | 'access_token' | 'secret' | 'unknown'
  readonly issuer: string | null
  readonly subject: string | null
  readonly audience: readonly string[]
  readonly algorithm: string | null
  readonly key_id: string | null
  readonly type: string | null
  readonly issued: string | null
  readonly expires: string | null
  readonly claims: readonly { readonly name: string; readonly value: string }[]
}

/** A rule of trust beside the token. */
interface ComparedRule {
  /** Its place in the document, from 1. */
  readonly rule: number
  readonly fits: boolean
  readonly mismatches: readonly string[]
}

/** What one bot makes of the token. */
interface BotVerdict {
  readonly bot: string
  /** Whether the bot would get in by it now. */
  readonly accepted: boolean
  readonly reason: string | null
  readonly detail: string | null
  readonly next: string | null
  readonly allow_from: readonly string[]
  readonly rules: readonly ComparedRule[]
}

/** What a check found. */
export interface CheckedToken extends ReadToken {
  /** Of an access token that counts now. */
  readonly session: {
    readonly user: string
    readonly program: string | null
    readonly apps: readonly string[]
    readonly expires: string
  } | null
  readonly bots: readonly BotVerdict[]
}

/**
 * Says what a token is and what each bot makes of it, by the same steps as for a program that presents it. The token is not used up
 * and not stored, and only issuers that a rule of these bots names are asked for their keys.
 */
export function createProofCheck(
  deps: PersonNeeds & {
    readonly bots: Pick<StoredBots, 'items'>
    readonly keysOf: IssuerKeys
    readonly spent: Pick<SpentProofs, 'isSpent'>
    readonly locks: LockView
    readonly sessions: Pick<Sessions, 'find'>
    readonly catalog: Pick<Catalog, 'byId'>
    readonly publicNames: PublicNames
    readonly clock: Clock
  },
) {
  const { bots, keysOf, spent, locks, sessions, catalog, publicNames, clock } = deps
  const { hubOrigin, signInOrigin } = publicNames
  const audiences = [...new Set([hubOrigin, signInOrigin, `${signInOrigin}/v1/oauth/token`])]
  const proofs = createProofs({
    ...{ keysOf, clock },
    spent: { spend: async (parts) => !(await spent.isSpent(parts)) },
  })

  async function check(token: string, only?: StoredBot): Promise<CheckedToken> {
    const { read, claims } = await readToken(token)
    const asked = only === undefined ? fitting(read, token) : read.kind === 'access_token' ? [] : [only]
    const verdicts = asked.map((bot) => verdictOf(bot, { read, claims, token }))
    return { ...read, session: await sessionOf(token), bots: await Promise.all(verdicts) }
  }

  /** The bots that the token may be meant for. */
  function fitting({ kind, issuer, subject }: ReadToken, token: string): readonly StoredBot[] {
    const all = [...bots.items.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
    const fits = (bot: StoredBot): boolean => {
      if (kind === 'assertion') return bot.user === subject
      if (kind === 'secret') return isSecretOf(bot, token)
      return kind === 'id_token' && (bot.document.spec.trust ?? []).some((rule) => rule.issuer === issuer)
    }
    return all.filter(fits).slice(0, MOST_BOTS)
  }

  const isSecretOf = ({ secret, oldSecret }: StoredBot, token: string): boolean =>
    isSecret(token, secret?.hash ?? null) ||
    (oldSecret !== null && oldSecret.until > clock.now() && isSecret(token, oldSecret.hash))

  async function verdictOf(
    bot: StoredBot,
    { read, claims, token }: { readonly read: ReadToken; readonly claims: Claims; readonly token: string },
  ): Promise<BotVerdict> {
    const { roles, trust = [], allow_from: addresses = [] } = bot.document.spec
    const rules =
      read.kind === 'id_token' ? trust.map((rule, at) => compared(rule, at + 1, { read, claims })) : []
    const wrong = await refusalOf(bot, read.kind, token)
    const person = bot.agent === null || wrong !== null ? null : personOf(bot.agent)
    const refusal = wrong ?? (person !== null && 'reason' in person ? person : null)
    const subject = {
      ...({ user: bot.user, roles, kind: 'bot', sessionId: null, satisfied: [] } as const),
      ...(person !== null && 'user' in person && { actsFor: person }),
    }
    const locked = refusal === null && locks.lockFor(subject, null) !== null
    const { reason = null, detail = null } = locked ? { reason: 'locked' } : (refusal ?? {})
    const accepted = reason === null
    return {
      ...{ bot: bot.name, accepted, reason, detail, next: reason === null ? null : nextOf(reason) },
      ...{ allow_from: addresses, rules },
    }
  }

  /** For whom it acts, or why it does not. */
  function personOf(agent: BotAgent): Principal | { readonly reason: string; readonly detail?: null } {
    try {
      return personFor(agent, deps)
    } catch (error) {
      if (error instanceof Problem) return { reason: error.code }
      throw error
    }
  }

  async function refusalOf(
    bot: StoredBot,
    kind: ReadToken['kind'],
    token: string,
  ): Promise<{ readonly reason: string; readonly detail?: string | null } | null> {
    try {
      await verified(proofs, kind, { bot, token })
      return null
    } catch (error) {
      if (error instanceof IssuerUnreachable)
        return { reason: 'issuer_unreachable', detail: causesOf(error).slice(0, LONGEST_CAUSE) }
      // The rules beside it have all of them.
      return { reason: reasonOf(error) }
    }
  }

  async function verified(
    { idToken, assertion }: Proofs,
    kind: ReadToken['kind'],
    { bot, token }: { readonly bot: StoredBot; readonly token: string },
  ): Promise<void> {
    if (kind === 'id_token') await idToken(bot, token)
    else if (kind === 'assertion') await assertion(bot, token, audiences)
    else if (kind !== 'secret') throw new ProofRefused('proof_malformed')
    else if (!isSecretOf(bot, token)) throw new ProofRefused('secret_wrong')
  }

  async function sessionOf(token: string): Promise<CheckedToken['session']> {
    const secret = ACCESS_TOKEN.exec(token)?.[1]
    const session = secret === undefined ? undefined : await sessions.find('token', secret)
    if (session === undefined) return null
    const { user, client, apps, expires } = session
    return {
      ...{ user, program: client, expires: new Date(expires).toISOString() },
      apps: apps.flatMap((id) => catalog.byId(id)?.name ?? []),
    }
  }

  return check
}

const NOTHING_READ = {
  ...{ issuer: null, subject: null, audience: [], algorithm: null, key_id: null, type: null },
  ...{ issued: null, expires: null, claims: [] },
}

async function readToken(token: string): Promise<{ readonly read: ReadToken; readonly claims: Claims }> {
  if (token.startsWith('mezite_at_')) return { read: { kind: 'access_token', ...NOTHING_READ }, claims: {} }
  if (token.startsWith(PREFIX)) return { read: { kind: 'secret', ...NOTHING_READ }, claims: {} }
  const { decodeJwt, decodeProtectedHeader } = await import('jose')
  let claims: JWTPayload
  let header: ProtectedHeaderParameters
  try {
    claims = decodeJwt(token)
    header = decodeProtectedHeader(token)
  } catch {
    return { read: { kind: 'unknown', ...NOTHING_READ }, claims: {} }
  }
  const issuer = textOf(claims.iss)
  const read: ReadToken = {
    kind: issuer?.startsWith(USER_PREFIX) ? 'assertion' : 'id_token',
    ...{ issuer, subject: textOf(claims.sub) },
    audience: [claims.aud].flat().flatMap((one) => textOf(one) ?? []),
    ...{ algorithm: textOf(header.alg), key_id: textOf(header.kid), type: textOf(header.typ) },
    ...{ issued: timeOf(claims.iat), expires: timeOf(claims.exp) },
    claims: Object.entries(claims)
      .slice(0, MOST_CLAIMS)
      .map(([name, value]) => ({ name, value: shownClaim(value) })),
  }
  return { read, claims }
}

const LONGEST_TEXT = 2_048
const textOf = (value: unknown): string | null =>
  typeof value === 'string' ? value.slice(0, LONGEST_TEXT) : null

function timeOf(seconds: unknown): string | null {
  const time = typeof seconds === 'number' ? new Date(seconds * 1_000) : null
  return time === null || Number.isNaN(time.getTime()) ? null : time.toISOString()
}

const LONGEST_VALUE = 500
const shownClaim = (value: unknown): string =>
  (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, LONGEST_VALUE)

function compared(
  { issuer, audience, claims: wanted }: TrustRule,
  rule: number,
  { read, claims }: { readonly read: ReadToken; readonly claims: Claims },
): ComparedRule {
  const audiences = [claims.aud].flat()
  const mismatches = [
    ...(issuer === claims.iss ? [] : [`iss must be ${shown(issuer)}, and is ${shownOf([read.issuer])}`]),
    ...(audiences.includes(audience)
      ? []
      : [`aud must be ${shown(audience)}, and is ${shownOf(read.audience)}`]),
    ...unmetRules(wanted, claims),
  ]
  return { rule, fits: mismatches.length === 0, mismatches }
}

const MOST_VALUES = 3
const shownOf = (values: readonly (string | null)[]): string =>
  values
    .flatMap((value) => (value === null ? [] : [shown(value)]))
    .slice(0, MOST_VALUES)
    .join(', ') || 'missing'

const nextOf = (reason: string): string | null =>
  Object.hasOwn(reasons, reason) ? (reasons[reason as keyof typeof reasons].next ?? null) : null
