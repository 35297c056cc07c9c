import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { bundleDependencies } from './bundled-dependencies.ts'

const ROOT = join(import.meta.dirname, '..')
const SOURCES = ['core/**/*.ts', 'agent/*.ts', 'plugins/**/*.ts', 'oclif-cli/**/*.ts']
/** The main modules of the programs that tests start, and what oclif loads by path. */
const PROGRAMS = [
  ...['core/program/bin.ts', 'agent/bin.ts', 'plugins/*/commands.ts'],
  ...['oclif-cli/{mezctl,msh}/bin.ts', 'oclif-cli/{mezctl,msh}/command-classes.ts'],
  // What `test/oclif-cli/batch.ts` runs.
  'oclif-cli/mezctl/program.ts',
]
/** How long a run may use bundles after the sources have changed, in milliseconds. */
const KEEP_MS = 3_600_000

/**
 * Bundles the sources of the programs too, and returns the URL of a module to load first, which includes what
 * `bundleDependencies` returns. Programs then load the bundles, in which each module exists once, whichever way a program
 * or a plugin names it; every other process, such as that of a test, loads the sources.
 */
export async function bundlePrograms(): Promise<string> {
  const dependencies = await bundleDependencies()
  const hash = createHash('sha256').update(dependencies)
  const sources = globSync(SOURCES, { cwd: ROOT, exclude: (path) => /(^|\/)(node_modules|dist)$/.test(path) })
  for (const file of [import.meta.filename, ...sources.sort().map((source) => join(ROOT, source))]) {
    hash.update(file).update(readFileSync(file))
  }
  const cache = join(ROOT, 'node_modules/.cache/programs')
  const folder = join(cache, hash.digest('hex').slice(0, 16))
  const preload = join(folder, 'preload.mjs')
  const known = await readFile(preload).catch(() => null)
  if (known === null) await bundle(folder, dependencies)
  const now = new Date()
  await utimes(folder, now, now)
  for (const name of await readdir(cache)) {
    const { mtimeMs } = await stat(join(cache, name))
    if (now.getTime() - mtimeMs > KEEP_MS) await rm(join(cache, name), { recursive: true, force: true })
  }
  return pathToFileURL(preload).href
}

/** The programs, and everything that a package offers to others by name. */
function entryFiles(): readonly string[] {
  const manifests = globSync(
    ['core', 'agent', 'plugins/*', 'oclif-cli/*'].map((at) => `${at}/package.json`),
    { cwd: ROOT },
  )
  const exported = manifests.flatMap((manifest) => {
    const { exports = {} } = JSON.parse(readFileSync(join(ROOT, manifest), 'utf8')) as {
      exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>
    }
    return Object.entries(exports).flatMap(([name, targets]) => {
      const source = typeof targets === 'string' ? undefined : targets['mezite-source']
      return name === './testing' || !source?.endsWith('.ts') ? [] : [join(dirname(manifest), source)]
    })
  })
  return [...new Set([...globSync(PROGRAMS, { cwd: ROOT }), ...exported])]
}

async function bundle(folder: string, dependencies: string): Promise<void> {
  const nameOf = (file: string) => file.replaceAll('/', '.').replace(/\.ts$/, '')
  const own = `${folder}.${process.pid}`
  await mkdir(own, { recursive: true })
  const files = entryFiles()
  const build = await rolldown({
    cwd: ROOT,
    platform: 'node',
    input: Object.fromEntries(files.map((file) => [nameOf(file), join(ROOT, file)])),
    // The second package has what the bundler itself inserts.
    external: (id) => !/^([./]|@mezite\/|@oxc-project\/runtime\/)/.test(id),
    resolve: { conditionNames: ['mezite-source', 'node', 'import', 'default'] },
    plugins: [
      {
        name: 'original-places',
        // Modules find their files, workers and packages from where their source is.
        transform: (code, id) =>
          code.replace(/\bimport\.meta\.(url|filename|dirname)\b/g, (_, name: string) =>
            JSON.stringify({ url: pathToFileURL(id).href, filename: id, dirname: dirname(id) }[name]),
          ),
      },
    ],
  })
  await build.write({
    dir: own,
    format: 'esm',
    keepNames: true,
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  })
  await build.close()
  const urlOf = (...path: readonly string[]) => pathToFileURL(join(...path)).href
  const urls = files.map((file) => [urlOf(ROOT, file), urlOf(folder, `${nameOf(file)}.mjs`)])
  await writeFile(
    join(own, 'preload.mjs'),
    `import ${JSON.stringify(dependencies)}
import { registerHooks } from 'node:module'
import { isMainThread } from 'node:worker_threads'
const urls = new Map(${JSON.stringify(urls)})
const root = ${JSON.stringify(`${urlOf(ROOT)}/`)}
const own = ${JSON.stringify(`${urlOf(folder)}/`)}
const program = ${JSON.stringify(`${ROOT}/`)}
const sources = /^(core|agent|plugins|oclif-cli)\\/(?!.*node_modules\\/).*\\.ts$/
const main = process.argv[1] ?? ''
if (isMainThread && main.startsWith(program) && /\\/(mezhub|mezd|mezctl|msh)\\.js$|\\/oclif-cli\\/batch\\.ts$/.test(main)) registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const url = urls.get(found.url)
    if (url !== undefined) return { ...found, url, format: 'module' }
    // It would be a second copy of a module.
    if (found.url.startsWith(root) && sources.test(found.url.slice(root.length)))
      throw new Error(found.url + ' is not an entry of the bundled programs')
    return found
  },
})
`,
  )
  // Another run may have been faster; its bundles are equal.
  await rename(own, folder).catch(() => rm(own, { recursive: true, force: true }))
}
