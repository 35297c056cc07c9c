import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { WebRoutes } from '@mezite/core'

/** A script of the pages: a path that changes with the content, and the route that serves it. */
export function createScript(name: 'waiting' | 'inbox'): {
  readonly path: string
  readonly webRoutes: WebRoutes
} {
  const file = createRequire(import.meta.url).resolve(`@mezite/plugin-access-requests/browser/${name}.js`)
  const text = readFileSync(file)
  const path = `/web/access-requests-assets/${createHash('sha256').update(text).digest('hex').slice(0, 12)}.js`
  return {
    path,
    webRoutes: {
      name: `access-requests-${name}`,
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
