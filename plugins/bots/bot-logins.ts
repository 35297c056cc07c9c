import { type Audit, Problem } from '@mezite/core'
import { type BotLogins, causesOf, type LockView, type ProvenBot } from '@mezite/core/identity'
import { type PersonNeeds, personFor } from './agent-person.ts'
import { tokenTtlMs, USER_PREFIX } from './bot-resource.ts'
import type { StoredBot, StoredBots } from './bots.ts'
import { IssuerUnreachable } from './issuer-keys.ts'
import type { Proofs } from './proofs.ts'
import { problemFor } from './reasons.ts'
import { ProofRefused, reasonOf } from './refusal-reason.ts'
import type { SecretUses } from './secret-uses.ts'

type Input = Parameters<BotLogins['prove']>[0]

const LONGEST_CAUSE = 300
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Verifies what programs present, and records every refusal. */
export function createBotLogins(
  deps: {
    readonly bots: Pick<StoredBots, 'items'>
    readonly proofs: Proofs
    readonly uses: Pick<SecretUses, 'use'>
    readonly locks: LockView
    readonly audit: Pick<Audit, 'record' | 'accepting'>
  } & PersonNeeds,
): BotLogins {
  const { bots, proofs, uses, locks, audit } = deps

  async function verify(bot: StoredBot, proof: Input['proof']): Promise<string> {
    switch (proof.kind) {
      case 'assertion':
        return `key ${await proofs.assertion(bot, proof.jwt, proof.audiences)}`
      case 'id_token':
        return proofs.idToken(bot, proof.jwt)
      case 'secret': {
        const secret = uses.use(bot, proof.secret)
        if (secret === null) throw new ProofRefused('secret_wrong')
        return secret
      }
    }
  }

  /** Throws once the bot is known, and yet may not come in. */
  function admit(bot: StoredBot, clientIp: string): void {
    const roles = [...bot.document.spec.roles]
    const actsFor = bot.agent === null ? undefined : personFor(bot.agent, deps)
    const subject = {
      ...({ user: bot.user, roles, kind: 'bot', sessionId: null, satisfied: [] } as const),
      ...(actsFor && { actsFor }),
    }
    // A session opened during a lock would become valid as soon as the lock is removed.
    const lock = locks.lockFor(subject, null)
    if (lock !== null) throw problemFor('locked', lock.message ?? 'The bot is locked.')
    if (bot.allowFrom !== null && !bot.allowFrom.has(clientIp)) throw problemFor('address_not_allowed')
  }

  return {
    async prove({ bot: given, proof, clientIp, requestId }): Promise<ProvenBot> {
      if (!audit.accepting) throw problemFor('audit_unavailable')
      const name = given.startsWith(USER_PREFIX) ? given.slice(USER_PREFIX.length) : given
      const bot = bots.items.get(name)
      const refused = (reason: string, more: Readonly<Record<string, string>> = {}): void =>
        audit.record({
          type: 'user.login.failed',
          success: false,
          reason,
          user: NAME.test(name) ? USER_PREFIX + name : null,
          clientIp,
          requestId,
          ...(bot?.agent && { actsFor: { user: bot.agent.person } }),
          fields: { method: 'bot', proof: proof.kind, ...more },
        })

      try {
        if (bot === undefined) throw new ProofRefused('bot_unknown')
        const by = await verify(bot, proof)
        admit(bot, clientIp)
        const { roles } = bot.document.spec
        const longestMs = tokenTtlMs(bot.document.spec)
        const { user, holder, agent } = bot
        return { user, holder, roles, longestMs, by, ...(agent && { actsFor: { user: agent.person } }) }
      } catch (error) {
        if (error instanceof Problem) {
          refused(error.code)
          throw error
        }
        if (error instanceof IssuerUnreachable) {
          refused('issuer_unreachable', { cause: causesOf(error).slice(0, LONGEST_CAUSE) })
          throw problemFor('issuer_unreachable')
        }
        // Not the message of another error: it may quote the token.
        const detail = error instanceof ProofRefused ? error.detail : null
        refused(reasonOf(error), detail === null ? {} : { detail })
        throw problemFor('bot_refused')
      }
    },
  }
}
