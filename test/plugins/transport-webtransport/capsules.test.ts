// together: quick
/** Whatever the bytes are, and however they are cut, the reader of capsules does not throw and keeps little. */
import fc from 'fast-check'
import t from 'tap'
import { CapsuleReader, limitCapsules, streamHead } from '../../../plugins/transport-webtransport/capsules.ts'

type Event = readonly [what: string, value?: string | number]

/** The events of the chunks; data is joined, because cuts split it. */
function read(chunks: readonly Uint8Array[]): readonly Event[] {
  const events: Event[] = []
  let data = ''
  const note = (event: Event): void => {
    if (data !== '') events.push(['data', data])
    data = ''
    events.push(event)
  }
  const reader = new CapsuleReader({
    data(id, bytes) {
      data += bytes.toString('hex')
      return id < 2
    },
    end: () => note(['end']),
    limit: (of, bytes) => note([of, bytes]),
    over: () => note(['over']),
  })
  for (const chunk of chunks) reader.read(Buffer.from(chunk))
  if (data !== '') events.push(['data', data])
  return events
}

const cut = (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] => {
  const chunks: Uint8Array[] = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const end = at + (sizes[n % sizes.length] as number)
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}

const types = [0x190b4d39, 0x190b4d3a, 0x190b4d3b, 0x190b4d3c, 0x190b4d3d, 0x190b4d3e, 0x2843, 0x78ae, 0]
const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value) | (3n << 62n))
  return bytes
}
const capsule = fc
  .tuple(fc.constantFrom(...types), fc.uint8Array({ maxLength: 40 }), fc.option(fc.nat(2 ** 31)))
  .map(([type, body, length]) => Buffer.concat([number(type), number(length ?? body.length), body]))
const stream = fc.array(fc.oneof(capsule, fc.uint8Array({ maxLength: 30 })), { maxLength: 6 })

t.test('R190 bytes in any pieces are read alike and never throw', (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(stream, sizes, (parts, each) => {
      const bytes = Buffer.concat(parts)
      const whole = read([bytes])
      t.strictSame(read(cut(bytes, each)), whole)
      return whole.filter(([what]) => what === 'over' || what === 'end').length <= 1
    }),
    { numRuns: 2_000 },
  )
  t.end()
})

t.test('capsules carry data, limits and the end', (t) => {
  const body = Buffer.from('body')
  const sent = [streamHead(1, 0), limitCapsules(1, 70_000), streamHead(1, 4), body, streamHead(1, 0, true)]
  t.strictSame(read(sent), [['session', 70_000], ['stream', 70_000], ['data', body.toString('hex')], ['end']])
  t.end()
})

t.test('a second stream, a close or a reset ends the session', (t) => {
  t.strictSame(read([Buffer.from('68430100000000', 'hex')]), [['over']])
  t.strictSame(read([streamHead(4, 0)]), [['over']])
  t.strictSame(read([Buffer.from('990b4d39020100', 'hex'), streamHead(1, 4)]), [['over']])
  t.end()
})
