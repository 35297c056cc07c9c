import { type Clock, type Sessions, Type, type WebRoutes } from '@mezite/core'
import { endSessions, newHolder, type StoredBots } from './bots.ts'
import { hashSecret, newSecret } from './secret.ts'

const Secret = Type.Object({ name: Type.String(), secret: Type.String() })
const Removed = Type.Object({ name: Type.String(), removed: Type.Boolean() })

/** `/v1/webapi/bots/NAME/secret`: a secret is shown once. A new one replaces the former, whose sessions end. */
export function secretRoutes(
  bots: StoredBots,
  { sessions, clock }: { readonly sessions: Pick<Sessions, 'listIn' | 'end'>; readonly clock: Clock },
): WebRoutes['routes'] {
  const within = async ({
    row,
    ...change
  }: Parameters<typeof endSessions>[2] & { readonly row: { name: string } }) => {
    await endSessions(sessions, row.name, change)
    return undefined
  }
  const options = (summary: string, returns: unknown) =>
    ({ config: { access: 'admin', cuts: true }, schema: { summary, returns } }) as const
  return async (web) => {
    web.post<{ Params: { name: string } }>(
      '/:name/secret',
      options('Gives a bot a new secret, which replaces the former', Secret),
      async (request, reply) => {
        const { name } = request.params
        const secret = newSecret()
        const columns = { secret_hash: hashSecret(secret), secret_created: clock.now(), updated: clock.now() }
        // Nothing was opened by a secret that did not exist.
        const set = (row: { secret_hash: string | null; holder: string }) =>
          row.secret_hash === null ? columns : { ...columns, holder: newHolder() }
        await bots.update(name, request.actor, set, {
          within: (change) => (change.old?.secret_hash == null ? undefined : within(change)),
        })
        reply.code(201)
        return { name, secret }
      },
    )
    web.delete<{ Params: { name: string } }>(
      '/:name/secret',
      options('Removes the secret of a bot', Removed),
      async (request) => {
        const { name } = request.params
        const columns = { secret_hash: null, secret_created: null, updated: clock.now() }
        await bots.update(name, request.actor, () => ({ ...columns, holder: newHolder() }), { within })
        return { name, removed: true }
      },
    )
  }
}
