import type { Credential } from '@mezite/core/identity'
import type { RateLimit } from '@mezite/core/protocol'
import { requestLimit, USER_PREFIX } from './bot-resource.ts'
import { personOf, type StoredBots } from './bots.ts'
import type { BotTables } from './migrations.ts'
import { PREFIX } from './secret.ts'

const LONGEST = 4_096

/**
 * The entry of `credentials` that keeps the accounts of bots. A bot's secret opens no app by itself; one that is sent to an
 * app by mistake is refused here, before the app could read it.
 */
export function botCredential(
  bots: Pick<StoredBots, 'items'>,
  requests: Pick<RateLimit, 'take'>,
): Credential {
  return {
    name: 'bot-secret',
    from: 'header',
    at: 'app',
    headers: ['authorization', 'mezite-token'],
    read: (value) =>
      mentionsSecret(value) ? { kind: 'refused', status: 401, code: 'bot_secret_not_a_token' } : null,
    bots: {
      find(user) {
        const bot = bots.items.get(user.slice(USER_PREFIX.length))
        if (!bot) return undefined
        const { agent, document, holder } = bot
        // An agent without its person's consent does not exist: it must not count as a bot with its own roles.
        if (agent !== null && agent.holder === null) return undefined
        const { roles, api = false } = document.spec
        const most = requestLimit(document.spec)
        return {
          ...{ roles, holder, api },
          allowsFrom: (clientIp: string) => bot.allowFrom?.has(clientIp) ?? true,
          ...(agent?.holder != null && { actsFor: { user: agent.person, holder: agent.holder } }),
          ...(most !== null && { takeRequest: () => requests.take(user, most) }),
        }
      },
      names: () => [...bots.items.values()].map(({ user }) => user),
      async findIn(trx, user) {
        const row = await trx
          .withTables<BotTables>()
          .selectFrom('bots')
          .select(['holder', 'document', 'acts_holder'])
          .where('name', '=', user.slice(USER_PREFIX.length))
          .executeTakeFirst()
        if (row === undefined) return undefined
        const person = personOf(row.document)
        if (person === undefined) return { holder: row.holder }
        const { acts_holder: holder } = row
        return holder === null ? undefined : { holder: row.holder, actsFor: { user: person, holder } }
      },
    },
  }
}

function mentionsSecret(value: string): boolean {
  if (value.includes(PREFIX)) return true
  const [, basic] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value.slice(0, LONGEST)) ?? []
  return basic !== undefined && Buffer.from(basic, 'base64').toString('latin1').includes(PREFIX)
}
