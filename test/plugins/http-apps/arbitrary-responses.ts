import fc from 'fast-check'
import type { AnswerBytes } from './response-reader.ts'

const one = <T>(...values: T[]) => fc.constantFrom(...values)
/** Nearly always the first: an answer has many parts, and about half of the answers should be whole. */
const mostly = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 39, arbitrary: usual }, { weight: 1, arbitrary: rare })

const text = (codes: readonly number[], minLength: number, maxLength: number) =>
  fc.string({
    unit: fc.constantFrom(...codes).map((code) => String.fromCharCode(code)),
    minLength,
    maxLength,
  })
const all = Array.from({ length: 256 }, (_, code) => code)
const token = text([...Buffer.from("!#$%&'*+-.^_`|~09AZaz")], 1, 12)
const value = text(
  all.filter((code) => code === 9 || (code >= 32 && code !== 127)),
  0,
  20,
)
const lineEnd = mostly(one('\r\n'), one('\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\0\r\n', ' \r\n'))
const statusLine = fc
  .tuple(
    mostly(
      one('HTTP/1.1'),
      one('HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.2', 'ICE/1.0', '\r\nHTTP/1.1'),
    ),
    mostly(one(' '), one('  ', '\t', '')),
    mostly(
      one('200', '404', '500', '204', '304', '206'),
      one('100', '103', '199', '099', '600', '20', '2000', '2x0', ''),
    ),
    mostly(one(' OK', ' ', ''), one(' \x01', ' \xe9', '  two', '\tOK', ' \0', ' O\rK', ' O\nK', ' \x7f')),
    lineEnd,
  )
  .map((parts) => parts.join(''))
const plainLine = fc
  .tuple(
    mostly(token, one('', 'A B', 'A\0', '\xe9', 'A(', ' A')),
    mostly(one(':', ': '), one(' : ', '', ':\t', '::')),
    mostly(value, one('\0', '\x01', 'a\rb', 'a\nb', '\x7f', '\r\n folded')),
    lineEnd,
  )
  .map((parts) => parts.join(''))
const framingLine = fc
  .tuple(
    one(
      'Content-Length: ',
      'content-length:',
      'Content-Length : ',
      'Transfer-Encoding: ',
      'TRANSFER-ENCODING:',
    ),
    one(
      '0',
      '1',
      '3',
      '5',
      '+3',
      '-3',
      '0x3',
      '3, 3',
      '',
      '03',
      '3 ',
      '99999999999999999999',
      '9007199254740993',
    ).map(String),
    lineEnd,
  )
  .map((parts) => parts.join(''))
const codingLine = fc
  .tuple(
    one('Transfer-Encoding: ', 'transfer-encoding:', 'Transfer-Encoding:\t'),
    mostly(
      one('chunked'),
      one(
        'CHUNKED',
        'chunked ',
        'chunked\t',
        'gzip, chunked',
        'gzip',
        'identity',
        'chunked, chunked',
        'xchunked',
        ',chunked',
        'chunked,',
        '\x0bchunked',
        '"chunked"',
        'chunked;a=b',
        '',
      ),
    ),
    lineEnd,
  )
  .map((parts) => parts.join(''))
const otherLine = one(
  'Connection: close\r\n',
  'Connection: keep-alive, Upgrade\r\n',
  'Connection: content-length\r\n',
  'Upgrade: websocket\r\n',
  'Proxy-Connection: close\r\n',
  'Trailer: X-Sum\r\n',
)
const headerLines = fc
  .array(mostly(plainLine, fc.oneof(framingLine, codingLine, otherLine)), { maxLength: 4 })
  .map((lines) => lines.join(''))
const bytes = text(all, 0, 30)

const extension = mostly(
  one('', ';a', ';a=b', ';a="b c"'),
  one(
    ' ',
    ';',
    ' ;a',
    '; a',
    ';a=',
    ';a = b',
    ';"',
    ';a="\r\n"',
    ';a="\\""',
    ';a\n',
    ';\0',
    ';a=b;c=d',
    '\t',
    ';\xe9',
    ';a,b',
  ),
)
const chunk = fc
  .tuple(
    bytes,
    mostly(one(0), one(-1, 1)),
    extension,
    lineEnd,
    lineEnd,
    mostly(one(''), one('0x', '0', '00000000000000000', ' ', '-', '+')),
  )
  .map(([data, wrong, more, afterSize, afterData, before]) =>
    data === ''
      ? ''
      : `${before}${Math.max(0, data.length + wrong).toString(16)}${more}${afterSize}${data}${afterData}`,
  )
const chunked = fc
  .tuple(
    fc.array(chunk, { maxLength: 4 }),
    extension,
    lineEnd,
    fc.array(plainLine, { maxLength: 2 }),
    lineEnd,
  )
  .map(
    ([parts, more, afterLast, trailers, end]) =>
      `${parts.join('')}0${more}${afterLast}${trailers.join('')}${end}`,
  )

const body = fc.oneof(
  fc.tuple(codingLine, chunked),
  bytes.map((data): [string, string] => [`Content-Length: ${data.length}\r\n`, data]),
  bytes.map((data): [string, string] => ['', data]),
  fc.tuple(framingLine, fc.oneof(bytes, chunked)),
)
const interim = mostly(
  one(''),
  one(
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
    'HTTP/1.1 102 X\r\nContent-Length: 3\r\n\r\n',
    'HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n',
  ),
)
const whole = fc
  .tuple(
    interim,
    statusLine,
    headerLines,
    body,
    headerLines,
    lineEnd,
    mostly(one(''), one('x', '\r\n', 'HTTP/1.1 200 OK\r\n\r\n')),
  )
  .map(([hint, status, before, [framing, data], after, end, rest]) =>
    [hint, status, before, framing, after, end, data, rest].join(''),
  )
const change = fc.tuple(
  fc.nat(),
  fc.nat(3),
  mostly(one('', ' ', '\r', '\n', '\0', ':', ';', ',', '0', '\t'), bytes),
)
const mutated = fc
  .tuple(whole, mostly(fc.constant<[number, number, string][]>([]), fc.array(change, { maxLength: 3 })))
  .map(([text, revisions]) => {
    let result = text
    for (const [at, cut, put] of revisions) {
      const place = at % (result.length + 1)
      result = result.slice(0, place) + put + result.slice(place + cut)
    }
    return result
  })
const split = fc.tuple(mutated, fc.array(fc.nat(), { maxLength: 5 })).map(([text, places]) => {
  const cuts = places.map((place) => place % (text.length + 1)).sort((a, b) => a - b)
  return [0, ...cuts].map((from, i) => text.slice(from, cuts[i] ?? text.length)).filter((part) => part !== '')
})
/** Answers, most of them whole, some broken, in pieces of any size. */
export const answers: fc.Arbitrary<AnswerBytes> = fc.record({
  method: mostly(one('GET' as const), one('HEAD' as const)),
  chunks: split,
})
