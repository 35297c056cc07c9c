import { type AddRoute, type Clock, type Sessions, Type } from '@mezite/core'
import { endSessions, newHolder, type StoredBots } from './bots.ts'
import { hashSecret, newSecret } from './secret.ts'

const Secret = Type.Object({ name: Type.String(), secret: Type.String() })
const Removed = Type.Object({ name: Type.String(), removed: Type.Boolean() })

/** `/v1/webapi/bots/NAME/secret`: a secret is shown once. A new one replaces the former, whose sessions end. */
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
      returns: Secret,
    } as const
    on('POST /:name/secret', given, async (name, { actor }, reply) => {
      const secret = newSecret()
      const columns = { secret_hash: hashSecret(secret), secret_created: clock.now(), updated: clock.now() }
      // Nothing was opened by a secret that did not exist.
      const set = (row: { secret_hash: string | null; holder: string }) =>
        row.secret_hash === null ? columns : { ...columns, holder: newHolder() }
      await bots.update(name, actor, set, {
        within: (change) => (change.old?.secret_hash == null ? undefined : within(change)),
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
      const columns = { secret_hash: null, secret_created: null, updated: clock.now() }
      await bots.update(name, actor, () => ({ ...columns, holder: newHolder() }), { within })
      return { name, removed: true }
    })
  }
}
