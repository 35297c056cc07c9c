import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { MezError, type WebRoutes } from '@mezite/core'
import { isCurrent } from './build-state.ts'

const PREFIX = '/web/dashboard/'
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

interface Chunk {
  readonly file: string
  readonly isEntry?: boolean
  readonly css?: readonly string[]
  readonly assets?: readonly string[]
  readonly imports?: readonly string[]
}
type Manifest = Readonly<Record<string, Chunk>>

/** Paths of one page's script and styles. */
export interface Entry {
  readonly modules: readonly string[]
  readonly styles: readonly string[]
}

/** The compiled scripts and styles of the dashboard, in memory. */
export interface Assets {
  /** Reads the files; in a checkout, compiles them first if they changed. Throws `MEZ_PLUGIN_BROKEN` if they are missing. */
  load(): Promise<void>
  entry(name: 'launcher' | 'admin'): Entry
  readonly webRoutes: WebRoutes
}

/** Serves the files that `build.ts` compiles; their names change with their content. */
export function createAssets(): Assets {
  const here = dirname(fileURLToPath(import.meta.url))
  const isPackage = basename(here) === 'dist'
  const folder = join(here, isPackage ? 'web' : 'dist/web')
  let manifest: Manifest = {}
  const files = new Map<string, Buffer>()

  async function load(): Promise<void> {
    if (!isPackage && !isCurrent(here))
      await promisify(execFile)(process.execPath, [join(here, 'build.ts')], { cwd: here })
    const list = join(folder, '.vite/manifest.json')
    if (!existsSync(list))
      throw new MezError('MEZ_PLUGIN_BROKEN', `the scripts of the dashboard are missing: ${list}`, {
        hint: 'Install the package again, or run `npm run build -w @mezite/plugin-dashboard`.',
      })
    manifest = JSON.parse(readFileSync(list, 'utf8'))
    for (const { file, css = [], assets = [] } of Object.values(manifest)) {
      for (const name of [file, ...css, ...assets]) {
        files.set(name, readFileSync(join(folder, name)))
      }
    }
  }

  /** The styles of a chunk and of all chunks that it imports. */
  const stylesOf = (key: string): string[] => {
    const { css = [], imports = [] } = manifest[key] ?? {}
    return [...imports.flatMap(stylesOf), ...css]
  }

  return {
    load,
    entry(name) {
      const key = `${name}.tsx`
      const chunk = manifest[key]
      if (!chunk) throw new Error(`the dashboard has no page ${name}`)
      const path = (file: string) => PREFIX + file
      return { modules: [path(chunk.file)], styles: [...new Set(stylesOf(key))].map(path) }
    },
    webRoutes: {
      name: 'dashboard-assets',
      prefix: PREFIX.slice(0, -1),
      async routes(web) {
        for (const [name, plain] of files) {
          let zipped: Buffer | undefined
          web.get(`/${name}`, { config: { access: 'public', rate: 'pages' } }, async (request, reply) => {
            const zips = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
            if (zips) zipped ??= gzipSync(plain)
            reply
              .type(TYPES[extname(name)] ?? 'application/octet-stream')
              .header('vary', 'accept-encoding')
              .header('cache-control', 'public, max-age=31536000, immutable')
            return zips ? reply.header('content-encoding', 'gzip').send(zipped) : reply.send(plain)
          })
        }
      },
    },
  }
}
