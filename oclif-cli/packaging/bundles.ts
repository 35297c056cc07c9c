/**
 * `npm run build -w @mezite/core`: writes libraries of hundreds of modules to `dist/bundled`, one file for each entry, because every
 * module costs a start some of its time. `launch.js` reads `bundled.json`, which names the file of each entry.
 */
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { manifestOf, root } from './workspaces.ts'

const LIBRARIES = ['kysely', 'tapable', 'typebox', 'uuid', 'yaml']
const PREFIX = 'bundled:'

/** Writes the files into a folder; what was there before is removed. */
export async function writeBundles(target: string): Promise<void> {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const files: Record<string, string> = {}
  for (const library of LIBRARIES) {
    const folder = join(root, 'node_modules', library)
    const { name, version, exports = { '.': '' } } = manifestOf(folder)
    const license = readFileSync(join(folder, globSync('{LICENSE,license}*', { cwd: folder })[0]!), 'utf8')
    const entries = Object.keys(exports)
      .filter((entry) => !entry.endsWith('.json'))
      .map((entry) => join(library, entry))
    const sources = new Map<string, string>()
    for (const entry of entries) {
      // Each names what it exports, because a library in CommonJS would only have a default.
      const names = Object.keys(await import(entry)).filter((one) => one !== 'module.exports')
      sources.set(PREFIX + entry, `export { ${names.join(', ')} } from '${entry}'`)
      files[entry] = `${entry.replaceAll('/', '-')}.js`
    }
    const bundle = await rolldown({
      input: Object.fromEntries(entries.map((entry) => [entry.replaceAll('/', '-'), PREFIX + entry])),
      cwd: root,
      platform: 'node',
      plugins: [
        {
          name: 'entries',
          resolveId: (id) => (sources.has(id) ? id : null),
          load: (id) => sources.get(id) ?? null,
        },
      ],
    })
    await bundle.write({
      dir: target,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: `${library}-[hash].js`,
      banner: `/*!\n${name} ${version}\n\n${license}*/`,
    })
    await bundle.close()
  }
  writeFileSync(join(target, 'bundled.json'), JSON.stringify(files))
}

if (import.meta.main) await writeBundles(join(root, 'core/dist/bundled'))
