import type { WebRoutes } from '@mezite/core'
import { LEAD_MS, type SigningKeys } from './create-signing-keys.ts'

/** The public keys (RFC 7517): for applications, and for `mezctl auth export --type=app-jwt`. */
export function keyRoutes(keys: Pick<SigningKeys, 'published'>): WebRoutes {
  const document = () => JSON.stringify({ keys: keys.published() })
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
            .header('cache-control', `public, max-age=${LEAD_MS / 1_000}`)
            .send(document()),
      )
      app.get('/v1/webapi/auth/export/app-jwt', { config: { access: 'admin' } }, (_request, reply) =>
        reply.type('application/json; charset=utf-8').send(document()),
      )
    },
  }
}
