import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { WebRoutes } from '@mezite/core'

/** The script of the waiting page: a path that changes with the content, and the route that serves it. */
export function createWaitingScript(): { readonly path: string; readonly webRoutes: WebRoutes } {
  const file = createRequire(import.meta.url).resolve('@mezite/plugin-access-requests/browser/waiting.js')
  const text = readFileSync(file)
  const path = `/web/access-requests-assets/${createHash('sha256').update(text).digest('hex').slice(0, 12)}.js`
  return {
    path,
    webRoutes: {
      name: 'access-requests-assets',
      prefix: '',
      async routes(web) {
        web.get(path, { config: { access: 'public', rate: 'pages' } }, async (_request, reply) =>
          reply
            .type('text/javascript; charset=utf-8')
            .header('cache-control', 'public, max-age=31536000, immutable')
            .send(text),
        )
      },
    },
  }
}
