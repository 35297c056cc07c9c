import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { WebRoutes } from '@mezite/core'

/** The scripts of the plugin's pages: paths that change with the content, and the routes that serve them. */
export interface Assets {
  readonly paths: readonly string[]
  readonly webRoutes: WebRoutes
}

/** Reads both scripts, so that a broken installation fails at start-up. */
export function createAssets(): Assets {
  const require = createRequire(import.meta.url)
  const library = join(dirname(require.resolve('@simplewebauthn/browser')), '../dist/bundle/index.umd.min.js')
  const own = require.resolve('@mezite/plugin-webauthn/browser/passkeys.js')
  const scripts = [library, own].map((file) => {
    const text = readFileSync(file)
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 12)
    return { path: `/web/passkey-assets/${hash}.js`, text }
  })
  return {
    paths: scripts.map(({ path }) => path),
    webRoutes: {
      name: 'webauthn-assets',
      prefix: '',
      async routes(web) {
        for (const { path, text } of scripts) {
          web.get(path, { config: { access: 'public', rate: 'pages' } }, async (_request, reply) =>
            reply
              .type('text/javascript; charset=utf-8')
              .header('cache-control', 'public, max-age=31536000, immutable')
              .send(text),
          )
        }
      },
    },
  }
}
