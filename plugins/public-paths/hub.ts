import {
  type App,
  catalog,
  dashboardParts,
  database,
  defineHubPlugin,
  migrations,
  Type,
  verifiers,
} from '@mezite/core'
import { findings } from '@mezite/core/administration'
import { createRateLimit } from '@mezite/core/protocol'
import { AuthorityFile } from './authority.ts'
import { publicPathMigrations } from './migrations.ts'
import { findingsOf } from './open-paths.ts'
import { panel } from './panel.ts'
import { AppPublicPaths } from './rules.ts'
import { createUses } from './uses.ts'
import { createVerifier } from './verifier.ts'

const NAME = 'public-paths'
const SECRET_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/
const SHORTEST_SECRET = 16

const nameFault = (path: readonly string[]) =>
  SECRET_NAME.test(path.at(-1) ?? '')
    ? []
    : [{ path, message: 'a name has small letters, digits and hyphens, at most 63' }]

/** Opens paths of apps to requests without a person, if they pass the check that the document of the app names. */
export default defineHubPlugin({
  name: NAME,
  api: 1,
  summary: 'Opens paths of applications to verified requests without a person',
  config: Type.Closed({
    secrets: Type.Optional(
      Type.Map(Type.Secret(), {
        description: 'Secrets of senders, by the names that the rules of apps use',
      }),
    ),
    authorities: Type.Optional(
      Type.Map(AuthorityFile, {
        description: 'Certificate authorities of senders, by the names that the rules of apps use',
      }),
    ),
  }),
  validate: ({ authorities = {}, secrets = {} }) => [
    ...Object.keys(authorities).flatMap((name) => nameFault(['authorities', name])),
    ...Object.entries(secrets).flatMap(([name, secret]) => {
      const path = ['secrets', name]
      const fault = nameFault(path)
      if (fault.length > 0) return fault
      return secret.length < SHORTEST_SECRET
        ? [{ path, message: `a secret has at least ${SHORTEST_SECRET} characters` }]
        : []
    }),
  ],
  appConfig: AppPublicPaths,
  needs: { catalog, database },
  provides: { dashboardParts, findings, migrations, verifiers },
  setup({ clock, config, log, provide, use }) {
    const secrets = new Map(Object.entries(config.secrets ?? {}))
    const authorities = new Map(Object.entries(config.authorities ?? {}))
    const proxied = new Set<string>()
    const rulesOf = (app: App) => use.appConfig(app)?.rules ?? []
    provide.migrations(publicPathMigrations)
    provide.verifiers(
      createVerifier(NAME, {
        ...{ rulesOf, authorities, proxied, secrets, clock, log },
        rates: createRateLimit(clock),
        uses: createUses(use.database, clock),
      }),
    )
    provide.findings({
      name: NAME,
      list: () =>
        use.catalog
          .list()
          .flatMap((app) => findingsOf(app, { rulesOf, authorities, proxied, secrets, now: clock.now() })),
    })
    provide.dashboardParts(panel(rulesOf))
  },
})
