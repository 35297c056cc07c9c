import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

/** Dependencies of hub and agent that consist of hundreds of modules, with the entries that are imported. */
const ENTRIES = {
  typebox: ['typebox', 'typebox/compile', 'typebox/system', 'typebox/value'],
  kysely: ['kysely', 'kysely/migration'],
}
const MODULES = join(import.meta.dirname, '../node_modules')

/**
 * Bundles these dependencies, and returns the URL of a module that makes a process load the bundles instead: each hub
 * then starts for a quarter less processor time. Programs without it, such as those of the demo's test, load the originals.
 */
export async function bundleDependencies(): Promise<string> {
  const versions = await Promise.all(
    Object.keys(ENTRIES).map(async (name) => {
      const { version } = JSON.parse(await readFile(join(MODULES, name, 'package.json'), 'utf8'))
      return `${name}-${version}`
    }),
  )
  const folder = join(MODULES, '.cache/bundles', versions.join('-'))
  const preload = join(folder, 'preload.mjs')
  const known = await readFile(preload).catch(() => null)
  if (known === null) await bundle(folder)
  return pathToFileURL(preload).href
}

async function bundle(folder: string): Promise<void> {
  const entries = Object.values(ENTRIES).flat()
  const fileOf = (entry: string) => `${entry.replaceAll('/', '.')}.mjs`
  const own = `${folder}.${process.pid}`
  await mkdir(own, { recursive: true })
  const build = await rolldown({
    cwd: MODULES,
    platform: 'node',
    input: Object.fromEntries(entries.map((entry) => [entry.replaceAll('/', '.'), entry])),
  })
  await build.write({
    dir: own,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  })
  await build.close()
  const urls = entries.map((entry) => [entry, pathToFileURL(join(folder, fileOf(entry))).href])
  await writeFile(
    join(own, 'preload.mjs'),
    `import { registerHooks } from 'node:module'
const urls = new Map(${JSON.stringify(urls)})
registerHooks({
  resolve(specifier, context, next) {
    const url = urls.get(specifier)
    return url === undefined ? next(specifier, context) : { url, format: 'module', shortCircuit: true }
  },
})
`,
  )
  // Another run may have been faster; its bundles are equal.
  await rename(own, folder).catch(() => rm(own, { recursive: true, force: true }))
}
