// together: mezctl
/** `mezctl docs` and `mezctl help TOPIC`. */
import t from 'tap'
import { errorCodes } from '../../core/kernel/error-codes.ts'
import { runLines } from '../oclif-cli/run-program.ts'

t.test('help prints a page, the section of a code, and the help of commands', async (t) => {
  const lines = [
    'help limits',
    'help MEZ_AUDIT_MISSING',
    'help label_mismatch',
    'help apps',
    'docs',
    'docs nowhere',
    'docs limit',
    'docs next',
  ]
  const [page, code, reason, command, list, unknown, near, changes] = await runLines(
    lines.map((line) => line.split(' ')),
    {},
  )
  t.match(page, { code: 0, out: /^Limits\n======\n[\s\S]*connections_per_address/ })
  t.match(code, { code: 0 })
  t.match(code?.out, errorCodes.MEZ_AUDIT_MISSING.slice(0, 30))
  t.match(reason, { code: 0, out: /No role of the person matches/ })
  t.match(command, { code: 0, out: /apps register/ })
  t.match(list, { code: 0, out: /^look-up\/error-codes\n {4}Error codes$/m })
  t.match(unknown, { code: 2, err: /no page about "nowhere"[\s\S]*mezctl docs/ })
  t.match(near, { code: 2, err: /Did you mean "limits"\?/ })
  t.match(changes, { code: 0, out: /^The next version\n=+\n/ })
  for (const line of (page?.out ?? '').split('\n').filter((one) => !/^[| ]/.test(one)))
    t.ok(line.length <= 100, line)
})
