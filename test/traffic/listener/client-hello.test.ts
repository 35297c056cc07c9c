// together: quick
import fc from 'fast-check'
import t from 'tap'
import { readClientHello } from '../../../core/traffic/listener/client-hello.ts'
import { captureHello } from './capture-hello.ts'
import { cutHello, paddedHello } from './cut-hello.ts'

t.test('reads the ClientHello of a real client, in any pieces', async (t) => {
  const bytes = await captureHello({ servername: 'Hub.Example', ALPNProtocols: ['h2', 'http/1.1'] })
  const wanted = { kind: 'hello', hello: { serverName: 'hub.example', alpn: ['h2', 'http/1.1'] } }
  t.strictSame(readClientHello(bytes), wanted)
  const records = cutHello(bytes, Math.ceil((bytes.length - 5) / 16))
  t.strictSame(readClientHello(records), wanted, 'in sixteen records')
  for (const whole of [bytes, records]) {
    for (let length = 0; length < whole.length; length++) {
      const verdict = readClientHello(whole.subarray(0, length))
      if (verdict.kind !== 'more' || verdict.need <= length || verdict.need > whole.length)
        t.fail(`${length} bytes: ${JSON.stringify(verdict)}`)
    }
  }
})

t.test('H113 many records are refused as soon as there are too many', async (t) => {
  const tiny = cutHello(paddedHello(10_000), 1)
  const sixteen = 16 * 6
  t.match(readClientHello(tiny.subarray(0, sixteen - 1)), { kind: 'more', need: sixteen })
  const refused = { kind: 'invalid', reason: 'ClientHello in too many records' }
  t.strictSame(readClientHello(tiny.subarray(0, sixteen)), refused)
  t.strictSame(readClientHello(tiny), refused)
})

t.test('H113 a ClientHello that declares too much is refused by its first nine bytes', async (t) => {
  const head = paddedHello(10_000).subarray(0, 9)
  t.match(readClientHello(head.subarray(0, 8), 9_999), { kind: 'more', need: 9 })
  t.strictSame(readClientHello(head, 9_999), { kind: 'invalid', reason: 'ClientHello too long' })
  t.match(readClientHello(head, 10_000), { kind: 'more', need: 10_000 })
  const three = cutHello(paddedHello(10_000), 3)
  t.match(
    readClientHello(three.subarray(0, 14), 10_000),
    { reason: 'ClientHello too long' },
    'over two records',
  )
})

t.test('H113 empty records are refused', async (t) => {
  const hello = paddedHello(100)
  const reason = 'bad record length'
  t.match(readClientHello(Buffer.from([22, 3, 1, 0, 0])), { kind: 'invalid', reason })
  const second = Buffer.concat([cutHello(hello, 50).subarray(0, 55), Buffer.from([22, 3, 1, 0, 0])])
  t.match(readClientHello(second), { kind: 'invalid', reason })
})

t.test('H113 E73 a ClientHello that is ambiguous for another parser is refused', async (t) => {
  const u16 = (value: number) => Buffer.from([value >> 8, value & 255])
  const sized = (bytes: Buffer) => Buffer.concat([u16(bytes.length), bytes])
  const extension = (type: number, data: Buffer) => Buffer.concat([u16(type), sized(data)])
  const named = (...names: string[]) =>
    extension(
      0,
      sized(Buffer.concat(names.flatMap((name) => [Buffer.from([0]), sized(Buffer.from(name, 'latin1'))]))),
    )
  const speaking = (...names: string[]) =>
    extension(
      16,
      sized(
        Buffer.concat(names.flatMap((name) => [Buffer.from([name.length]), Buffer.from(name, 'latin1')])),
      ),
    )
  const hello = (extensions: Buffer, behind = '', after = '') => {
    const body = Buffer.concat([
      Buffer.from([3, 3]),
      Buffer.alloc(32),
      Buffer.from([0, 0, 2, 0x13, 1, 1, 0]),
      sized(extensions),
      Buffer.from(behind),
    ])
    const message = Buffer.concat([Buffer.from([1, 0]), sized(body), Buffer.from(after)])
    return readClientHello(Buffer.concat([Buffer.from([22, 3, 1]), sized(message)]))
  }
  const both = Buffer.concat([named('a.test'), speaking('h2')])
  t.strictSame(hello(both), { kind: 'hello', hello: { serverName: 'a.test', alpn: ['h2'] } })
  const other = named('a.test')
  other[5] = 1
  const long = named('a.test')
  long[3] = 200
  for (const [what, verdict] of Object.entries({
    'a server name twice': hello(Buffer.concat([named('a.test'), named('b.test')])),
    'ALPN twice': hello(Buffer.concat([speaking('h2'), speaking('mezite-join/1')])),
    'two server names': hello(named('a.test', 'b.test')),
    'no name': hello(named('')),
    'a name of another type': hello(other),
    ...Object.fromEntries(
      ['a.test.', 'a..test', 'a b.test', 'a\0.test', '\xe4.test', `${'a'.repeat(64)}.test`].map((name) => [
        name,
        hello(named(name)),
      ]),
    ),
    'an extension that passes the end': hello(long),
    'an empty ALPN name': hello(speaking('h2', '')),
    'no ALPN name': hello(speaking()),
    'bytes behind the extensions': hello(both, 'x'),
    'bytes behind the message': hello(both, '', 'x'),
  }))
    t.match(verdict, { kind: 'invalid' }, what)
})

t.test('a ClientHello may lack a server name and ALPN', async (t) => {
  const bytes = await captureHello({})
  t.strictSame(readClientHello(bytes), { kind: 'hello', hello: { serverName: null, alpn: [] } })
})

t.test('H113 garbage never throws, and mutations are read or refused', async (t) => {
  t.equal(readClientHello(Buffer.from('GET / HTTP/1.1\r\n\r\n')).kind, 'invalid')
  t.equal(readClientHello(Buffer.from([22, 3, 1, 255, 255])).kind, 'invalid')
  const real = await captureHello({ servername: 'hub.example', ALPNProtocols: ['http/1.1'] })
  const kinds = new Set<string>()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
      kinds.add(readClientHello(Buffer.from(noise)).kind)
    }),
    { numRuns: 2_000 },
  )
  fc.assert(
    fc.property(fc.nat(real.length - 1), fc.nat(255), fc.nat(real.length), (at, byte, cut) => {
      const copy = Buffer.from(real)
      copy[at] = byte
      const verdict = readClientHello(copy.subarray(0, Math.max(cut, at)))
      kinds.add(verdict.kind)
    }),
    { numRuns: 5_000 },
  )
  t.strictSame([...kinds].sort(), ['hello', 'invalid', 'more'])
})
