/** The one scale of type and of space in the stylesheets of all pages: the sizes that `tokens.css` names, and no others. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')
const TOKENS = 'core/web/pages/browser/tokens.css'

const sheets = execFileSync('git', ['ls-files', '*.css'], { cwd: root, encoding: 'utf8' }).trim().split('\n')

/** The properties whose sizes come from the scale, and the custom properties that each may name. */
const SCALES: readonly { readonly of: RegExp; readonly named: RegExp }[] = [
  { of: /^font(-size)?$/, named: /^--(size|leading|font|weight)\b/ },
  { of: /^line-height$/, named: /^--leading\b/ },
  { of: /^(row-|column-)?gap$|^(padding|margin)(-[a-z]+)*$/, named: /^--space-\d$/ },
]

/** Shares of the window, a size of the whole page in percent, and what hides an element but for screen readers. */
const FREE = /^-?[\d.]+(vh|vw|dvh|%)$|^-?1px$/

/** The declarations of a stylesheet whose size is not of the scale, each as "property: value". */
function strangeSizes(css: string): string[] {
  const found: string[] = []
  for (const [, property = '', value = ''] of css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .matchAll(/(?<![\w-])([a-z-]+)\s*:\s*([^;{}]+)[;}]/g)) {
    const scale = SCALES.find(({ of }) => of.test(property))
    if (scale === undefined) continue
    const names = value.match(/--[\w-]+/g) ?? []
    const sizes = value.match(/(?<![\w-])-?[\d.]+(?:[a-z]+|%)/g) ?? []
    const bare =
      property === 'line-height' || property === 'font'
        ? (value.match(/(?<=^|\/ ?)[\d.]+(?= |$)/g) ?? [])
        : []
    const isStrange =
      names.some((name) => !scale.named.test(name)) ||
      sizes.some((size) => !FREE.test(size)) ||
      bare.some((number) => Number(number) > 1)
    if (isStrange) found.push(`${property}: ${value.trim()}`)
  }
  return found
}

t.test('every size of type and space in a stylesheet is of the one scale', (t) => {
  t.ok(sheets.length > 10, sheets.join(' '))
  for (const sheet of sheets.filter((one) => one !== TOKENS))
    t.strictSame(strangeSizes(readFileSync(join(root, sheet), 'utf8')), [], sheet)
  t.end()
})

t.test('the scale has at most six sizes of type, three line heights and eight steps of space', (t) => {
  const names = (of: RegExp) => readFileSync(join(root, TOKENS), 'utf8').match(of) ?? []
  t.ok(names(/^ {2}--size-\w+:/gm).length <= 6)
  t.ok(names(/^ {2}--leading\b[\w-]*:/gm).length <= 3)
  t.ok(names(/^ {2}--space-\d:/gm).length <= 8)
  t.end()
})

t.test('a size of its own is found', (t) => {
  const css = `a { font-size: 0.9rem; gap: var(--space-2) 0.3em; line-height: 1.5; padding: 0 1px }
    b { margin: calc(-1 * var(--space-3)) auto 0; font: var(--size-s) / 1.6 var(--font); line-height: 1; width: 3rem }
    c { padding-top: var(--size-s); margin-left: -1px; }`
  t.strictSame(strangeSizes(css), [
    'font-size: 0.9rem',
    'gap: var(--space-2) 0.3em',
    'line-height: 1.5',
    'font: var(--size-s) / 1.6 var(--font)',
    'padding-top: var(--size-s)',
  ])
  t.end()
})
