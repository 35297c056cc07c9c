import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
// Needed by one of these when it loads.
import 'reflect-metadata'

/** Entries of the dependencies of hub and agent that consist of many modules: more than all of the sources together. */
const ENTRIES = [
  '@fastify/swagger',
  '@oclif/core/args',
  '@oclif/core/command',
  '@oclif/core/config',
  '@oclif/core/flags',
  '@oclif/core/flush',
  '@oclif/core/help',
  '@oclif/core/run',
  '@oclif/core/settings',
  '@peculiar/x509',
  '@simplewebauthn/server',
  '@simplewebauthn/server/helpers',
  'fastify',
  'fastify-plugin',
  'jose',
  'kysely',
  'kysely/migration',
  'openid-client',
  'pg',
  'pino',
  'prom-client',
  're2js',
  'reflect-metadata',
  'tapable',
  'typebox',
  'typebox/compile',
  'typebox/system',
  'typebox/value',
  'uuid',
  'ws',
  'yaml',
]
const ROOT = join(import.meta.dirname, '..')
const MODULES = join(ROOT, 'node_modules')
/**
 * Stands in for a dependency of tap that follows every promise, and so takes a third of the processor time of a test,
 * only to find the test in which an error was thrown that nobody caught. Without it such an error ends the process.
 */
const DOMAIN = 'export class Domain { constructor(onerror) { this.onerror = onerror } destroy() {} }'
export const DOMAIN_URL = `data:text/javascript,${encodeURIComponent(DOMAIN)}`
/** Begins the names of the modules that only export an entry. */
const ENTRY = 'entry:'

/**
 * Bundles these dependencies, and returns the URL of a module that makes a process load the bundles instead: each hub
 * then starts for half the processor time. Programs without it, such as those of the demo's check, load the originals.
 */
export async function bundleDependencies(): Promise<string> {
  const hash = createHash('sha256')
  // This list, and every version that npm has installed.
  for (const file of [import.meta.filename, join(MODULES, '.package-lock.json')]) {
    hash.update(await readFile(file))
  }
  const folder = join(MODULES, '.cache/bundles', hash.digest('hex').slice(0, 16))
  const preload = join(folder, 'preload.mjs')
  const known = await readFile(preload).catch(() => null)
  if (known === null) await bundle(folder)
  return pathToFileURL(preload).href
}

async function bundle(folder: string): Promise<void> {
  const fileOf = (entry: string) => entry.replaceAll('/', '.')
  const own = `${folder}.${process.pid}`
  await mkdir(own, { recursive: true })
  const build = await rolldown({
    cwd: MODULES,
    platform: 'node',
    input: Object.fromEntries(ENTRIES.map((entry) => [fileOf(entry), ENTRY + entry])),
    plugins: [
      {
        name: 'entries',
        resolveId: (id) => (id.startsWith(ENTRY) ? `${join(MODULES, id)}.mjs` : null),
        load: (id) => {
          const at = id.indexOf(ENTRY)
          return at < 0 ? null : exportsOf(id.slice(at + ENTRY.length, -'.mjs'.length))
        },
      },
    ],
  })
  await build.write({
    dir: own,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  })
  await build.close()
  const urls = ENTRIES.map((entry) => [entry, pathToFileURL(join(folder, `${fileOf(entry)}.mjs`)).href])
  await writeFile(
    join(own, 'preload.mjs'),
    `import { registerHooks } from 'node:module'
const urls = new Map(${JSON.stringify(urls)})
const root = ${JSON.stringify(`${pathToFileURL(ROOT).href}/`)}
const domain = ${JSON.stringify(DOMAIN_URL)}
const packages = new Map()
const relative = /^\\.\\.?\\/.*\\.ts$/
registerHooks({
  resolve(specifier, context, next) {
    const own = context.parentURL?.startsWith(root) && !context.parentURL.includes('/node_modules/')
    // Node.js looks for each file, and for the manifest of its package, several times.
    if (own && relative.test(specifier))
      return { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true }
    if (own && specifier.startsWith('@mezite/')) {
      const found = packages.get(specifier) ?? next(specifier, context)
      packages.set(specifier, found)
      return { ...found, shortCircuit: true }
    }
    if (specifier === 'async-hook-domain') return { url: domain, format: 'module', shortCircuit: true }
    const url = urls.get(specifier)
    // A dependency may import another version; only bundles of our own sources are in the cache.
    return url === undefined || /\\/node_modules\\/(?!\\.cache\\/)/.test(context.parentURL ?? '')
      ? next(specifier, context)
      : { url, format: 'module', shortCircuit: true }
  },
})
// Left to itself, Node.js closes what it still holds, and now and then waits for ever for a socket that it closed before.
let idle = false
process.on('beforeExit', () => {
  if (idle) process.exit()
  // Another listener may have begun something; if not, this comes again at once.
  idle = true
  setImmediate(() => {})
})
`,
  )
  // Another run may have been faster; its bundles are equal.
  await rename(own, folder).catch(() => rm(own, { recursive: true, force: true }))
}

/** A module that exports what Node.js finds in the entry: a bundler finds no names in a CommonJS module. */
async function exportsOf(entry: string): Promise<string> {
  const names = Object.keys(await import(entry)).filter((name) => /^\w+$/.test(name) && name !== '__esModule')
  return `export { ${names.join(', ')} } from ${JSON.stringify(entry)}`
}
