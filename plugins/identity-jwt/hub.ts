import {
  defineHubPlugin,
  messageOf,
  migrations,
  publicNames,
  revisions,
  secretBox,
  webRoutes,
} from '@mezite/core'
import { assertion } from '@mezite/core/protocol'
import { createAssertion } from './assertion.ts'
import { keyRoutes } from './key-routes.ts'
import { identityJwtMigrations } from './migrations.ts'
import { createSigningKeys } from './signing-keys.ts'

const CHECK_MS = 3_600_000

export default defineHubPlugin({
  name: 'identity-jwt',
  api: 1,
  summary: 'Signs the identity of the caller on every request',
  needs: { revisions, publicNames, secretBox },
  provides: { assertion, migrations, webRoutes },
  setup({ clock, log, tap, use, provide }) {
    const keys = createSigningKeys({ revisions: use.revisions, secretBox: use.secretBox, clock })
    let timer: NodeJS.Timeout | undefined

    use.revisions.addView(keys.view)
    provide.migrations(identityJwtMigrations)
    provide.assertion(
      createAssertion({ keys, revisions: use.revisions, clock, publicNames: use.publicNames }),
    )
    provide.webRoutes(keyRoutes(keys))

    const tend = () => {
      keys
        .tend()
        .catch((error) => log.error({ cause: messageOf(error) }, 'failed to rotate the signing keys'))
    }
    tap.lifecycle.start(async () => {
      await keys.ensure()
      tend()
      timer = setInterval(tend, CHECK_MS).unref()
    })
    tap.lifecycle.stop(() => clearInterval(timer))
  },
})
