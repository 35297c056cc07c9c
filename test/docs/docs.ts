/**
 * `npm run docs`: writes the pages that come from the sources, and builds the documentation as a static site in `dist/docs`.
 * `-- --pages` writes the pages only.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../read-imports.ts'
import { buildSite } from './static-site.ts'
import { writtenPages } from './written-pages.ts'

const folder = join(root, 'plugins/docs/pages/look-up')
mkdirSync(folder, { recursive: true })
for (const [name, text] of Object.entries(await writtenPages())) writeFileSync(join(folder, name), text)
if (!process.argv.includes('--pages')) {
  const output = join(root, 'dist/docs')
  const { files } = await buildSite(output)
  process.stdout.write(`${files} files in dist/docs\n`)
}
