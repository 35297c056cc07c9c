// together: quick
import t from 'tap'
import { readStreamHead } from '../../../core/traffic/http/http2-head.ts'

const plain = [':method', 'GET', ':path', '/', ':scheme', 'https', ':authority', 'a.test']

t.test('a head over HTTP/2 becomes one of HTTP/1.1, with its cookies as one', async (t) => {
  const head = readStreamHead([...plain, 'cookie', 'a=1', 'x-y', 'z', 'cookie', 'b=2', 'host', 'A.test'])
  t.strictSame(head, {
    method: 'GET',
    url: '/',
    rawHeaders: ['host', 'a.test', 'x-y', 'z', 'cookie', 'a=1; b=2'],
    httpVersionMajor: 2,
    httpVersionMinor: 0,
  })
})

t.test('E73 an ambiguous head is refused, although Node.js lets it pass', async (t) => {
  for (const [what, fields] of Object.entries({
    'two hosts': [...plain, 'host', 'a.test', 'host', 'a.test'],
    'another host': [...plain, 'host', 'b.test'],
    'no host': plain.slice(0, 6),
    'no method': plain.slice(2),
    'no path': [...plain.slice(0, 2), ...plain.slice(4)],
    'another scheme': [...plain.slice(0, 4), ':scheme', 'http', ':authority', 'a.test'],
    'no scheme': [...plain.slice(0, 4), ...plain.slice(6)],
    'an unknown pseudo-header': [...plain, ':other', 'x'],
    'a space before': [...plain, 'x-y', ' z'],
    'a tab behind': [...plain, 'x-y', 'z\t'],
    ...Object.fromEntries(
      ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) => [
        name,
        [...plain, name, 'x'],
      ]),
    ),
  }))
    t.type(readStreamHead(fields), 'string', what)
})
