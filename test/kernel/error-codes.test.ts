// together: quick
/** One list of error codes for hub, agent and command lines. */
import t from 'tap'
import { errorCodes } from '../../core/kernel/error-codes.ts'
import { sourcesOf, textOf } from '../read-imports.ts'

const sources = ['core', 'agent', 'oclif-cli', 'plugins'].flatMap(sourcesOf)
const CODE = /\bMEZ_[A-Z]+(?:_[A-Z]+)+\b/g

t.test('the list has every code that a program prints', (t) => {
  const unlisted = sources.flatMap((file) =>
    [...textOf(file).matchAll(CODE)]
      .map(([code]) => code)
      .filter((code) => !Object.hasOwn(errorCodes, code))
      .map((code) => `${code} in ${file}`),
  )
  t.strictSame(unlisted, [])
  t.end()
})

t.test('every code of the list is used', (t) => {
  const used = new Set(
    sources
      .flatMap((file) => [...textOf(file).matchAll(CODE)].map(([code]) => `${file} ${code}`))
      .filter((use) => !use.startsWith('core/kernel/error-codes.ts '))
      .map((use) => use.split(' ')[1]),
  )
  t.strictSame(
    Object.keys(errorCodes).filter((code) => !used.has(code)),
    [],
  )
  t.end()
})

t.test('a test provokes every code', (t) => {
  const tests = sourcesOf('test').filter((file) => file !== 'test/kernel/error-codes.test.ts')
  const provoked = new Set(tests.flatMap((file) => textOf(file).match(CODE) ?? []))
  t.strictSame(
    Object.keys(errorCodes).filter((code) => !provoked.has(code)),
    [],
  )
  t.end()
})

t.test('a code names a thing and its problem, and has a next step', (t) => {
  for (const [code, hint] of Object.entries(errorCodes)) {
    t.match(code, /^MEZ(_[A-Z]+){2,}$/)
    t.match(hint, /^[A-Z].*\.$/, code)
  }
  t.end()
})
