/**
 * `npm run build -w @mezite/plugin-dashboard`: compiles the scripts and styles in `web` into `dist/web`, if they changed, or into
 * the given folder. Other users may read them, whoever builds: a service runs as a user of its own.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { isCurrent, modified } from './build-state.ts'

const folder = dirname(fileURLToPath(import.meta.url))
const web = join(folder, 'web')
const [, , given] = process.argv
const output = given ?? join(folder, 'dist/web')
const lock = join(folder, 'dist/.building')
const LOCK_MS = 120_000

/** Many test processes may start at once; one of them builds. */
async function locked(run: () => Promise<void>): Promise<void> {
  mkdirSync(dirname(lock), { recursive: true })
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (Date.now() - modified(lock) > LOCK_MS) rmSync(lock, { recursive: true, force: true })
      await pause(100)
    }
  }
  try {
    await run()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

async function compile(): Promise<void> {
  const made = `${output}-${process.pid}`
  await build({
    configFile: false,
    root: web,
    base: '/web/dashboard/',
    logLevel: 'warn',
    // The drawings of the hub's pages and its search, in a checkout unbuilt.
    resolve: { conditions: ['mezite-source', 'module', 'browser', 'production'] },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: made,
      emptyOutDir: true,
      manifest: true,
      target: 'es2023',
      // Browsers from 2024 on know light-dark(), nesting and :has().
      cssTarget: ['chrome125', 'firefox128', 'safari18'],
      // The policy of the pages refuses what Vite would insert for older browsers.
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 1_000,
      rollupOptions: { input: { launcher: join(web, 'launcher.tsx'), admin: join(web, 'admin.tsx') } },
    },
  })
  rmSync(output, { recursive: true, force: true })
  renameSync(made, output)
}

process.umask(0o022)
if (given !== undefined) await compile()
else if (!isCurrent(folder)) await locked(async () => void (isCurrent(folder) || (await compile())))
