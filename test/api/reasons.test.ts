// together: quick
/** The catalogue of reasons: each has a use, and what refuses has its reason. */
import t from 'tap'
import { reasons } from '../../core/api/reasons.ts'
import { isReasonCode, type Reasons } from '../../core/kernel/reason.ts'
import { sourcesOf, textOf } from '../read-imports.ts'

const CATALOGUE = /(?:^|[/-])reasons\.ts$/
const sources = ['core', 'agent', 'oclif-cli', 'plugins'].flatMap(sourcesOf)
const declaring = sources.filter((file) => /^plugins\/[^/]+\/reasons\.ts$/.test(file))
const ofPlugins = await Promise.all(
  declaring.map(async (file) => {
    const module = (await import(`../../${file}`)) as { readonly reasons: Reasons }
    return [file, module.reasons] as const
  }),
)
const all = [['core/api/reasons.ts', reasons] as const, ...ofPlugins].flatMap(([file, some]) =>
  Object.entries<Reasons[string]>(some).map(([code, reason]) => ({ file, code, reason })),
)

t.test('every reason of the catalogue is used', (t) => {
  const words = new Set(
    sources
      .filter((file) => !CATALOGUE.test(file))
      .flatMap((file) => textOf(file).match(/\b[a-z][a-z0-9_]+\b/g) ?? []),
  )
  t.strictSame(
    all.filter(({ code }) => !words.has(code)).map(({ file, code }) => `${code} of ${file}`),
    [],
  )
  t.ok(all.length > 250, `${all.length} reasons`)
  t.end()
})

t.test('a code has one meaning, a sentence in both languages, and a next step', (t) => {
  t.strictSame(
    all.map(({ code }) => code).filter((code, at, codes) => codes.indexOf(code) !== at),
    [],
  )
  for (const { code, reason } of all) {
    t.ok(isReasonCode(code), code)
    t.match(reason.next, /^[A-Z`][\s\S]*\.$/, code)
    t.match(reason.en ?? 'So.', /^[A-Z][\s\S]*\.$/, code)
    t.match(reason.msh ?? 'so', /^[a-zA-Z][\s\S]*[^.]$/, code)
    if (reason.status !== undefined) t.ok(reason.status >= 400 && reason.status < 600, code)
  }
  t.end()
})

t.test('a problem that is made without the catalogue has a reason of it', (t) => {
  const known = new Set(all.map(({ code }) => code))
  const made = sources.flatMap((file) =>
    [...textOf(file).matchAll(/new Problem\(\s*[^,]+,\s*'(\w+)'/g)].map(([, code]) => `${code} in ${file}`),
  )
  t.ok(made.length > 3, 'the search finds them')
  t.strictSame(
    made.filter((one) => !known.has(one.split(' ')[0]!)),
    [],
  )
  t.end()
})

t.test('each plugin with reasons declares them', (t) => {
  for (const file of declaring) t.match(textOf(file.replace('reasons.ts', 'hub.ts')), /^ +reasons,$/m, file)
  t.ok(declaring.length > 15)
  t.end()
})
