// together: quick
import t from 'tap'
import { readFraming } from '../../core/wire/request-framing.ts'

const plain = { http10: false, length: undefined, encoding: undefined, expect: undefined }

t.test('F82 ambiguous framing is refused, although Node.js lets it pass', async (t) => {
  for (const [lines, code] of [
    [{ encoding: 'chunked', length: '3' }, 'framing_invalid'],
    [{ encoding: 'chunked', http10: true }, 'framing_invalid'],
    [{ encoding: 'chunked, gzip' }, 'framing_invalid'],
    [{ encoding: 'identity' }, 'framing_invalid'],
    [{ encoding: 'xchunked' }, 'framing_invalid'],
    [{ encoding: 'gzip, chunked' }, 'transfer_coding'],
    [{ length: '+3' }, 'framing_invalid'],
    [{ length: '0x3' }, 'framing_invalid'],
    [{ length: '3,3' }, 'framing_invalid'],
    [{ length: '' }, 'framing_invalid'],
    [{ length: '9007199254740993' }, 'framing_invalid'],
    [{ expect: 'y 100-continue' }, 'expectation_failed'],
  ] as const)
    t.match(readFraming({ ...plain, ...lines }), { code }, JSON.stringify(lines))
})

t.test('clear framing is read', async (t) => {
  for (const [lines, length] of [
    [{}, undefined],
    [{ length: '0' }, 0],
    [{ length: '9007199254740991' }, 9_007_199_254_740_991],
    [{ encoding: 'Chunked ' }, null],
  ] as const)
    t.strictSame(
      readFraming({ ...plain, ...lines }),
      { length, expectsContinue: false },
      JSON.stringify(lines),
    )
  t.match(readFraming({ ...plain, expect: '100-Continue' }), { expectsContinue: true })
  t.match(readFraming({ ...plain, expect: '100-continue', http10: true }), { expectsContinue: false })
})
