import type { Credential } from '@mezite/core/identity'
import { USER_PREFIX } from './bot-resource.ts'
import type { StoredBots } from './bots.ts'
import type { BotTables } from './migrations.ts'
import { PREFIX } from './secret.ts'

const LONGEST = 4_096

/**
 * The entry of `credentials` that keeps the accounts of bots. A bot's secret opens no app by itself; one that is sent to an
 * app by mistake is refused here, before the app could read it.
 */
export function botCredential(bots: Pick<StoredBots, 'items'>): Credential {
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
        const { roles, api = false } = bot.document.spec
        const allowsFrom = (clientIp: string) => bot.allowFrom?.has(clientIp) ?? true
        return { roles, holder: bot.holder, api, allowsFrom }
      },
      names: () => [...bots.items.values()].map(({ user }) => user),
      async findIn(trx, user) {
        return trx
          .withTables<BotTables>()
          .selectFrom('bots')
          .select('holder')
          .where('name', '=', user.slice(USER_PREFIX.length))
          .executeTakeFirst()
      },
    },
  }
}

function mentionsSecret(value: string): boolean {
  if (value.includes(PREFIX)) return true
  const [, basic] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value.slice(0, LONGEST)) ?? []
  return basic !== undefined && Buffer.from(basic, 'base64').toString('latin1').includes(PREFIX)
}
