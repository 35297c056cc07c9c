/** `npm run build -w @mezite/plugin-docs`: copies the pages, wherever they are written, and the files for browsers to `dist`, or the given folder. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readContents, readPage } from './contents.ts'

const folder = import.meta.dirname
const dist = process.argv[2] ?? join(folder, 'dist')
const output = join(dist, 'pages')

rmSync(output, { recursive: true, force: true })
for (const page of readContents().flatMap(({ pages }) => pages)) {
  const target = join(output, `${page.name}.md`)
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, readPage(page))
}
for (const name of ['contents.json', 'pictures'])
  cpSync(join(folder, 'pages', name), join(output, name), { recursive: true })
cpSync(join(folder, 'browser'), join(dist, 'browser'), { recursive: true })
