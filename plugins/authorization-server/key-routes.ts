import type { WebRoutes } from '@mezite/core'
import type { SigningKeys } from '@mezite/core/protocol'
import { tokenKeys } from './migrations.ts'

/** The keys of ID tokens and logout tokens, for `mezctl auth rotate` and `mezctl auth export` with `--type=oidc`. */
export function keyRoutes(keys: Pick<SigningKeys, 'published' | 'list' | 'rotate'>): WebRoutes {
  const { name: type } = tokenKeys
  const admin = { config: { access: 'admin' } } as const
  const show = () => ({
    type,
    keys: keys.list().map(({ kid, state, activeFrom }) => ({
      ...{ kid, state },
      signs_from: new Date(activeFrom).toISOString(),
    })),
  })
  return {
    name: 'authorization-server-keys',
    prefix: '/v1/webapi/auth',
    async routes(web) {
      web.get(`/rotate/${type}`, { ...admin, schema: { summary: 'The keys that sign ID tokens' } }, () =>
        show(),
      )
      web.post(
        `/rotate/${type}`,
        { ...admin, schema: { summary: 'Publishes a new key for ID tokens, which signs in six minutes' } },
        async (request) => {
          await keys.rotate(request.actor)
          return show()
        },
      )
      web.get(
        `/export/${type}`,
        { ...admin, schema: { summary: 'The public keys of ID tokens, as a JWKS' } },
        (_request, reply) =>
          reply.type('application/json; charset=utf-8').send(JSON.stringify({ keys: keys.published() })),
      )
    },
  }
}
