import {
  defineHubPlugin,
  jobs,
  migrations,
  publicNames,
  revisions,
  secretBox,
  type WebRoutes,
  webRoutes,
} from '@mezite/core'
import { assertion, CACHED_MS, createSigningKeys, type SigningKeys } from '@mezite/core/protocol'
import { createAssertion } from './assertion.ts'
import { assertionKeys, identityJwtMigrations } from './migrations.ts'

const CHECK_MS = 3_600_000

export default defineHubPlugin({
  name: 'identity-jwt',
  api: 1,
  summary: 'Signs the identity of the caller on every request',
  needs: { jobs, revisions, publicNames, secretBox },
  provides: { assertion, migrations, webRoutes },
  setup({ clock, tap, use, provide }) {
    const keys = createSigningKeys({ ...use, clock, ...assertionKeys })

    use.revisions.addView(keys.view)
    provide.migrations(identityJwtMigrations)
    provide.assertion(
      createAssertion({ keys, revisions: use.revisions, clock, publicNames: use.publicNames }),
    )
    provide.webRoutes(keyRoutes(keys))

    use.jobs.add({ name: 'identity-jwt-rotation', everyMs: CHECK_MS, run: keys.tend })
    tap.lifecycle.start(keys.ensure)
  },
})

/**
 * Serves the public keys (RFC 7517), for applications and for `mezctl auth export --type=app-jwt`, and the requests of
 * `mezctl auth rotate`.
 */
function keyRoutes(keys: Pick<SigningKeys, 'published' | 'list' | 'rotate'>): WebRoutes {
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
