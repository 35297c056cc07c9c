import { type Clock, type Log, messageOf, type Revisions } from '@mezite/core'
import type { BotSecret, StoredBot, StoredBots } from './bots.ts'
import type { BotTables } from './migrations.ts'
import { isSecret } from './secret.ts'

/** A use is stored at most this often. */
const EVERY_MS = 3_600_000
const UNUSED_DAYS = 30
const UNUSED_MS = UNUSED_DAYS * 86_400_000

/** The secrets of a bot that count, and when each was used. */
export interface SecretUses {
  /** Which secret of the bot this text is, and notes its use; null: none that counts now. */
  use(bot: StoredBot, secret: string): 'secret' | 'old secret' | null
  /** Secrets that nobody uses, and old ones that programs still use. */
  findings(): readonly { readonly subject: string; readonly message: string }[]
}

export function createSecretUses(rooms: {
  readonly bots: Pick<StoredBots, 'items'>
  readonly revisions: Pick<Revisions, 'write'>
  readonly clock: Clock
  readonly log: Log
}): SecretUses {
  const { bots, revisions, clock, log } = rooms
  /** When a use was last stored, by the hash. */
  const noted = new WeakMap<BotSecret, number>()

  function note(
    { name }: StoredBot,
    secret: BotSecret,
    columns: readonly ['secret_hash' | 'old_hash', 'secret_used' | 'old_used'],
  ) {
    const now = clock.now()
    if (now - Math.max(secret.used ?? 0, noted.get(secret) ?? 0) < EVERY_MS) return
    noted.set(secret, now)
    const [hash, used] = columns
    revisions
      .write(async (trx, change) => {
        await trx
          .withTables<BotTables>()
          .updateTable('bots')
          .set({ [used]: now })
          .where('name', '=', name)
          .where(hash, '=', secret.hash)
          .execute()
        // It affects no decision.
        change.noted('bot', name)
      })
      .catch((error) =>
        log.warn({ bot: name, cause: messageOf(error) }, 'failed to store the use of a secret'),
      )
  }

  return {
    use(bot, text) {
      const { secret, oldSecret } = bot
      if (isSecret(text, secret?.hash ?? null) && secret !== null) {
        note(bot, secret, ['secret_hash', 'secret_used'])
        return 'secret'
      }
      if (oldSecret === null || !isSecret(text, oldSecret.hash) || oldSecret.until <= clock.now()) return null
      note(bot, oldSecret, ['old_hash', 'old_used'])
      return 'old secret'
    },
    findings() {
      const now = clock.now()
      return [...bots.items.values()].flatMap(({ name, secret, oldSecret }) => {
        if (secret === null) return []
        const subject = `bot ${name}`
        const isStillUsed = (oldSecret?.used ?? 0) > secret.created
        if (oldSecret !== null && oldSecret.until > now && isStillUsed && secret.used === null)
          return [
            {
              subject,
              message: `its programs still use the old secret, until ${new Date(oldSecret.until).toISOString()}`,
            },
          ]
        return now - (secret.used ?? secret.created) < UNUSED_MS
          ? []
          : [
              {
                subject,
                message: `nobody has used its secret for ${UNUSED_DAYS} days: mezctl bots secret ${name} --off`,
              },
            ]
      })
    },
  }
}
