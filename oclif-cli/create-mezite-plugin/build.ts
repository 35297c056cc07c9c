/** Copies what plugins are made from, the examples, to `dist`: the package brings them along. */
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isTemplate, KINDS } from './generator.ts'

const examples = join(import.meta.dirname, '../../examples')
const templates = join(import.meta.dirname, 'dist/templates')
rmSync(templates, { recursive: true, force: true })
for (const { example } of Object.values(KINDS)) {
  mkdirSync(join(templates, example), { recursive: true })
  for (const file of readdirSync(join(examples, example)).filter(
    (file) => isTemplate(file) || file === 'package.json',
  ))
    cpSync(join(examples, example, file), join(templates, example, file))
}
