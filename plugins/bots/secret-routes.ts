import { type AddRoute, type Clock, type Sessions, Type } from '@mezite/core'
import {
  endSessions,
  NO_CONSENT,
  NO_OLD_SECRET,
  NO_SECRET,
  newHolder,
  requireRoles,
  type StoredBots,
} from './bots.ts'
import type { BotRow } from './migrations.ts'
import { hashSecret, newSecret } from './secret.ts'

const Secret = Type.Object({ name: Type.String(), secret: Type.String() })
const LONGEST_GRACE_SECONDS = 30 * 86_400
const Grace = Type.Closed({
  keep_old_seconds: Type.Optional(
    Type.Integer({
      minimum: 60,
      maximum: LONGEST_GRACE_SECONDS,
      description: 'How long the former secret counts beside the new one. Default: it ends at once',
    }),
  ),
})
const Removed = Type.Object({ name: Type.String(), removed: Type.Boolean() })

/**
 * `/v1/webapi/bots/NAME/secret`: a secret is shown once. A new one replaces the former, whose sessions end unless it is kept for a time.
 */
export function secretRoutes(
  bots: StoredBots,
  { sessions, clock }: { readonly sessions: Pick<Sessions, 'listIn' | 'end'>; readonly clock: Clock },
): (on: AddRoute) => void {
  const within = async ({
    row,
    ...change
  }: Parameters<typeof endSessions>[2] & { readonly row: { name: string } }) => {
    await endSessions(sessions, row.name, change)
    return undefined
  }
  return (on) => {
    const given = {
      access: 'bot.update',
      summary: 'Gives a bot a new secret, which replaces the former',
      cuts: true,
      querystring: Grace,
      returns: Secret,
    } as const
    on('POST /:name/secret', given, async (name, { actor, query }, reply) => {
      const secret = newSecret()
      const now = clock.now()
      const { keep_old_seconds: seconds } = query
      const fresh = { secret_hash: hashSecret(secret), secret_created: now, secret_used: null, updated: now }
      const set = (row: BotRow) => {
        const { secret_hash: old_hash, secret_created: old_created, secret_used: old_used } = row
        // A new secret lets somebody else act for the person.
        if (row.acts_holder !== null)
          return { ...fresh, ...NO_OLD_SECRET, ...NO_CONSENT, holder: newHolder() }
        // Nothing was opened by a secret that did not exist.
        if (old_hash === null) return { ...fresh, ...NO_OLD_SECRET }
        return seconds === undefined
          ? { ...fresh, ...NO_OLD_SECRET, holder: newHolder() }
          : { ...fresh, old_hash, old_created, old_used, old_until: now + seconds * 1_000 }
      }
      await bots.update(name, actor, set, {
        async within(change) {
          requireRoles(change.by, [change.row])
          return change.old?.holder === change.row.holder ? undefined : within(change)
        },
      })
      reply.code(201)
      return { name, secret }
    })
    const removed = {
      access: 'bot.update',
      summary: 'Removes the secret of a bot',
      cuts: true,
      returns: Removed,
    } as const
    on('DELETE /:name/secret', removed, async (name, { actor }) => {
      const columns = { ...NO_SECRET, updated: clock.now() }
      await bots.update(name, actor, () => ({ ...columns, holder: newHolder() }), { within })
      return { name, removed: true }
    })
  }
}
