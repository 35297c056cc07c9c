import { Problem, type Sessions } from '@mezite/core'
import type { BotLogins } from '@mezite/core/identity'
import type { PresentedBot } from './bot-proofs.ts'
import { ACCESS_TOKEN } from './credential.ts'

/** See `createBotRevocations`. */
export type RevokeOfBot = ReturnType<typeof createBotRevocations>

/**
 * Revocation (RFC 7009) by a bot: ends the session of a token, if it is the bot's own. A bot that presents a proof must prove
 * itself; one that names itself alone shows by the token itself that it has it, as programs without a secret do.
 */
export function createBotRevocations({
  botLogins,
  sessions,
}: {
  readonly botLogins: BotLogins | undefined
  readonly sessions: Pick<Sessions, 'find' | 'end'>
}) {
  return async (request: {
    readonly bot: PresentedBot
    readonly token: string
    readonly clientIp: string
    readonly requestId: string
  }): Promise<{ readonly error: string; readonly error_description: string } | null> => {
    const { bot, token, clientIp, requestId } = request
    const refused = (error_description: string) => ({ error: 'invalid_client', error_description })
    if (botLogins === undefined) return refused('this hub has no accounts of programs')
    if (!bot.bare) {
      if (bot.proof === null) return refused('the request must present exactly one proof, or none')
      try {
        await botLogins.prove({ bot: bot.user, proof: bot.proof, clientIp, requestId })
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        return refused(error.code)
      }
    }
    // That there is no such token is not an error (RFC 7009 section 2.2).
    if (!token.startsWith(ACCESS_TOKEN)) return null
    const session = await sessions.find('token', token.slice(ACCESS_TOKEN.length))
    if (session?.user === bot.user) await sessions.end([session.id], 'revoked', null)
    return null
  }
}
