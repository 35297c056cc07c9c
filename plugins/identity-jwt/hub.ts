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
import { assertion, CACHED_MS, createSigningKeys, type SigningKeys } from '@mezite/core/identity'
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
    provide.assertion(createAssertion({ keys, clock, publicNames: use.publicNames }))
    provide.webRoutes(keys.routes)
    provide.webRoutes(keySetRoutes(keys))

    use.jobs.add({ name: 'identity-jwt-rotation', everyMs: CHECK_MS, run: keys.tend })
    tap.lifecycle.start(keys.ensure)
  },
})

/** Serves the public keys (RFC 7517) to applications. */
const keySetRoutes = (keys: Pick<SigningKeys, 'published'>): WebRoutes => ({
  name: 'identity-jwt-keys',
  prefix: '/workload-identity',
  async routes(web) {
    web.get('/app-jwt-jwks.json', { config: { access: 'public', rate: 'keys' } }, (_request, reply) =>
      reply
        .type('application/json; charset=utf-8')
        .header('cache-control', `public, max-age=${CACHED_MS / 1_000}`)
        .send(JSON.stringify({ keys: keys.published() })),
    )
  },
})
