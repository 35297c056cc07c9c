import type { WebRoutes } from '@mezite/core'
import { CACHED_MS, type SigningKeys } from './signing-keys.ts'

/**
 * Serves the public keys (RFC 7517), for applications and for `mezctl auth export --type=app-jwt`, and the requests of
 * `mezctl auth rotate`.
 */
export function keyRoutes(keys: Pick<SigningKeys, 'published' | 'list' | 'rotate'>): WebRoutes {
  const document = () => JSON.stringify({ keys: keys.published() })
  const admin = { config: { access: 'admin' } } as const
  const show = () => ({
    type: 'app-jwt',
    keys: keys.list().map(({ kid, state, activeFrom }) => ({
      ...{ kid, state },
      signs_from: new Date(activeFrom).toISOString(),
    })),
  })
  return {
    name: 'identity-jwt-keys',
    prefix: '',
    routes: async (app) => {
      app.get(
        '/workload-identity/app-jwt-jwks.json',
        { config: { access: 'public', rate: 'keys' } },
        (_request, reply) =>
          reply
            .type('application/json; charset=utf-8')
            .header('cache-control', `public, max-age=${CACHED_MS / 1_000}`)
            .send(document()),
      )
      app.get('/v1/webapi/auth/rotate/app-jwt', admin, () => show())
      app.post('/v1/webapi/auth/rotate/app-jwt', admin, async (request) => {
        await keys.rotate(request.actor)
        return show()
      })
      app.get('/v1/webapi/auth/export/app-jwt', admin, (_request, reply) =>
        reply.type('application/json; charset=utf-8').send(document()),
      )
    },
  }
}
