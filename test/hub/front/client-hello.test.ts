import fc from 'fast-check'
import t from 'tap'
import { readClientHello } from '../../../core/hub/front/client-hello.ts'
import { captureHello } from './capture-hello.ts'

t.test('reads what a real client sends, in any pieces', async (t) => {
  const bytes = await captureHello({ servername: 'Hub.Example', ALPNProtocols: ['h2', 'http/1.1'] })
  const wanted = { kind: 'hello', hello: { serverName: 'hub.example', alpn: ['h2', 'http/1.1'] } }
  t.strictSame(readClientHello(bytes), wanted)
  for (let length = 0; length < bytes.length; length++) {
    const verdict = readClientHello(bytes.subarray(0, length))
    if (verdict.kind !== 'more' || verdict.need <= length)
      t.fail(`${length} bytes: ${JSON.stringify(verdict)}`)
  }
  const records = Buffer.concat([...bytes.subarray(5)].map((byte) => Buffer.from([22, 3, 1, 0, 1, byte])))
  t.strictSame(readClientHello(records), wanted, 'one byte in each record')
})

t.test('no server name, no ALPN', async (t) => {
  const bytes = await captureHello({})
  t.strictSame(readClientHello(bytes), { kind: 'hello', hello: { serverName: null, alpn: [] } })
})

t.test('H113 garbage never throws and mutations are read or refused', async (t) => {
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
