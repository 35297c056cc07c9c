// together: quick
import { parseArgs } from 'node:util'
import t from 'tap'
import { MezError, printError } from '../../core/kernel/error.ts'

function printed(error: unknown) {
  let text = ''
  const code = printError(error, (part) => {
    text += part
  })
  return { code, text }
}

t.test('an error prints its problem, code and next step, and exits 2 only for wrong usage', (t) => {
  t.strictSame(printed(new MezError('MEZ_CONFIG_UNREADABLE', 'cannot read x', { hint: 'Do this.' })), {
    code: 1,
    text: 'error: cannot read x (MEZ_CONFIG_UNREADABLE)\nDo this.\n',
  })
  t.match(printed(new MezError('MEZ_USAGE_WRONG', 'x')), {
    code: 2,
    text: /^error: x \(MEZ_USAGE_WRONG\)\n.*--help/,
  })
  t.strictSame(
    printed(Object.assign(new Error('in use'), { code: 'EADDRINUSE' })).text,
    'error: in use (EADDRINUSE)\n',
  )
  t.match(
    printed(new MezError('MEZ_CONFIG_INVALID', 'it is not valid\n  a.yaml:1: x: is missing')).text,
    /^error: it is not valid \(MEZ_CONFIG_INVALID\)\n {2}a\.yaml:1: x: is missing\n/,
    'the code stands behind what happened, not behind the last item of a list',
  )
  t.strictSame(printed('plain'), { code: 1, text: 'error: plain\n' })
  t.end()
})

t.test('several errors are all printed, and wrong arguments exit as wrong usage', (t) => {
  const both = printed(new AggregateError([new Error('one'), new Error('two')], 'both'))
  t.strictSame(both, { code: 1, text: 'error: one\nerror: two\n' })
  try {
    parseArgs({ args: ['--bad'], options: {} })
    t.fail('it parsed')
  } catch (error) {
    t.match(printed(error), { code: 2, text: /^error: Unknown option '--bad' \(MEZ_USAGE_WRONG\)\n/ })
  }
  t.end()
})
