/**
 * `npm run docs`: writes the pages that come from the sources, and builds the documentation as a static site in `dist/docs`.
 * `-- --pages` writes the pages only.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { textOf } from '../../../oclif-cli/packaging/sources.ts'
import { root } from '../../../oclif-cli/packaging/workspaces.ts'
import { changePages } from '../changelog.ts'
import type { Section } from '../contents.ts'
import { buildSite } from './static-site.ts'
import { writtenPages } from './written-pages.ts'

const folder = join(root, 'plugins/docs/pages')
const contents = join(folder, 'contents.json')
for (const [name, text] of Object.entries(await writtenPages())) {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), text)
}
const sections = (JSON.parse(readFileSync(contents, 'utf8')) as Section[]).map((one) =>
  one.title === 'Changes' ? { ...one, pages: changePages(textOf('CHANGELOG.md')) } : one,
)
writeFileSync(contents, `${JSON.stringify(sections, null, 2)}\n`)
if (!process.argv.includes('--pages')) {
  const output = join(root, 'dist/docs')
  const { files } = await buildSite(output)
  process.stdout.write(`${files} files in dist/docs\n`)
}
