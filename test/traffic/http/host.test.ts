// together: quick
import t from 'tap'
import { parseHost } from '../../../core/traffic/http/host.ts'
import { startStopwatch } from '../../stopwatch.ts'

const label63 = 'a'.repeat(63)
const host253 = `${`${label63}.`.repeat(3)}${'b'.repeat(61)}`

const understood: readonly [value: string, host: string, port: number | null][] = [
  ['a.apps.test', 'a.apps.test', null],
  ['a.apps.test:443', 'a.apps.test', 443],
  ['a.apps.test:65535', 'a.apps.test', 65_535],
  ['A.Apps.TEST:443', 'a.apps.test', 443],
  ['localhost', 'localhost', null],
  ['1', '1', null],
  ['a--b.apps.test', 'a--b.apps.test', null],
  ['xn--bcher-kva.apps.test', 'xn--bcher-kva.apps.test', null],
  ['XN--BCHER-KVA.apps.test', 'xn--bcher-kva.apps.test', null],
  [`${label63}.test`, `${label63}.test`, null],
  [host253, host253, null],
  ['127.0.0.1', '127.0.0.1', null],
  ['127.0.0.1:3080', '127.0.0.1', 3080],
  ['[::1]', '[::1]', null],
  ['[::1]:443', '[::1]', 443],
  ['[2001:DB8::1]:8443', '[2001:db8::1]', 8443],
  ['[::ffff:127.0.0.1]', '[::ffff:127.0.0.1]', null],
]

const refused: Readonly<Record<string, readonly string[]>> = {
  empty: ['', ' ', '.', ':', ':443', '[]', '[]:443'],
  'user info': ['x@a.apps.test', 'a.apps.test@evil.test', 'x:y@a.apps.test', '@a.apps.test', 'a%40b.test'],
  lists: ['a.apps.test, b.apps.test', 'a.apps.test,b', 'a.apps.test b.apps.test', 'a;b'],
  dots: ['a.apps.test.', 'a.apps.test.:443', '.a.apps.test', 'a..apps.test'],
  port: [
    'a.test:',
    'a.test:0',
    'a.test:00443',
    'a.test:0443',
    'a.test:65536',
    'a.test:99999',
    'a.test:100000',
    'a.test:443x',
    'a.test:-1',
    'a.test:+443',
    'a.test: 443',
    'a.test:443 ',
    'a.test:0x1bb',
    'a.test:4.43',
    'a.test:443:443',
    'a.test:٤٤٣',
    'a.test:443/',
  ],
  'IPv6 forms': [
    '::1',
    '[::1',
    '::1]',
    '[::1]443',
    '[::1]x',
    '[::1]:',
    '[::1%eth0]',
    '[fe80::1%25eth0]',
    '[v1.x]',
    '[::1]]',
    `[${'1:'.repeat(30)}]`,
  ],
  'names that are not in A-label form': [
    'bücher.test',
    'BÜCHER.test',
    'a.test\u3002',
    'ａ.test',
    '\u212a.test',
  ],
  'other characters': [
    'a_b.apps.test',
    '_dmarc.apps.test',
    'a*.apps.test',
    '*.apps.test',
    'a.apps.test\0',
    'a\0.apps.test',
    'a.apps.test\0.evil.test',
    'a.apps.test\t',
    ' a.apps.test',
    'a.apps.test\r\nX: y',
    'a.apps.test\n',
    'a.apps.test/',
    'a.apps.test/x',
    'a.apps.test?x',
    'a.apps.test#x',
    'a\\b.test',
    '%61.apps.test',
    '"a.apps.test"',
    "a'.test",
    'a.test\u00a0',
    'a.test\u0085',
    'a.test\u200b',
  ],
  hyphens: ['-a.apps.test', 'a-.apps.test', 'a.-b.test', '-'],
  length: [
    `${'a'.repeat(64)}.test`,
    `${host253}c`,
    `${'a.'.repeat(150)}test`,
    'a'.repeat(300),
    'a.'.repeat(50_000),
  ],
}

t.test('E73 valid hosts are returned in canonical form', async (t) => {
  for (const [value, host, port] of understood)
    t.strictSame(parseHost(value), { host, port }, JSON.stringify(value))
})

t.test('E73 K145 invalid hosts are refused with a reason, and never guessed', async (t) => {
  for (const [what, values] of Object.entries(refused))
    for (const value of values) {
      t.type(parseHost(value), 'string', `${what}: ${JSON.stringify(value.slice(0, 60))}`)
    }
})

t.test('N172 a long hostile value is checked at once', async (t) => {
  const watch = startStopwatch()
  for (const text of [
    'a-'.repeat(50_000),
    '['.repeat(100_000),
    ':'.repeat(100_000),
    `[${':'.repeat(100_000)}`,
  ])
    t.type(parseHost(text), 'string')
  t.ok(watch.took() < 5_000)
})
