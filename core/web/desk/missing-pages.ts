import { Problem } from '../../api/problem.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { Log } from '../../kernel/log.ts'

/** To these the hub and apps send visitors without a session. */
const PATHS = ['/web/launch', '/web/login', '/web/continue']

/** Responds 503 `sign_in_unavailable` at the paths of sign-in that no plugin serves. */
export function missingPages(log: Pick<Log, 'warn'>): WebRoutes {
  return {
    name: 'missing-sign-in-pages',
    prefix: '',
    async routes(app) {
      const missing = PATHS.filter((url) => !app.hasRoute({ method: 'GET', url }))
      if (missing.length > 0)
        log.warn(
          { paths: missing },
          'no plugin serves the pages of sign-in, so nobody can sign in with a browser',
        )
      for (const url of missing)
        app.get(url, { config: { access: 'public', rate: 'pages' } }, async () => {
          throw new Problem(
            503,
            'sign_in_unavailable',
            'This hub has no pages for sign-in. Ask your administrator.',
          )
        })
    },
  }
}
