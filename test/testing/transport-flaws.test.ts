// together: suites
/** Each rule of `conformTransport` finds the transport that breaks it; `framed-transport.test.ts` passes them all. */
import { Duplex } from 'node:stream'
import t from 'tap'
import type { TransportUnderTest } from '../../core/testing/index.ts'
import { conformTransport } from '../../core/testing/index.ts'
import agentPlugin from '../../examples/framed-transport/agent.ts'
import hubPlugin from '../../examples/framed-transport/hub.ts'
import { transportParts } from '../plugins/transport-parts.ts'
import { failuresOf, unprovenOf } from './failures.ts'

/** What a transport gets wrong, and the test that finds it. */
const FLAWS = {
  'reorders-corked': ['small and big writes arrive in order and whole, whichever end writes'],
  'buffers-all': ['a reader that pauses slows the writer down'],
  'stays-open': ['the loss of one end closes the other'],
  'ignores-signal': ['a dial ends with its signal'],
  'keeps-signal': ['a dial ends with its signal'],
  'shares-fate': ['carriers are independent of each other'],
  'holds-back': [
    'half-close works both ways, and a reset is not an end',
    'a dead peer is noticed, and a drained one finishes its streams',
  ],
  'counts-in-two-bytes': ['10,000 streams, 200 at a time'],
  'renews-no-credit': ['stalled streams delay neither a busy one nor a small request'],
  'delays-writes': ['small exchanges are not held back (Nagle)'],
  'sends-slowly': ['a long way does not slow a stream down, and late packets break nothing'],
} as const
type Flaw = keyof typeof FLAWS

/** Some tests fail because nothing happens; those that measure take longer. */
const DEADLINE_MS = 2_000
const MEASURING_MS = 60_000
/** More than a small exchange may take. */
const DELAY_MS = 25
/** Less than the required 2 MB/s. */
const BYTES_PER_MS = 1_800
const CREDIT_BYTES = 1 << 20
/** Less than the frames of so many streams take. */
const COUNTED_BYTES = 0xffff

/** The agent's end of a carrier, with a flaw. */
class Flawed extends Duplex {
  static readonly fellows = new Set<Flawed>()
  readonly #inner: Duplex
  readonly #flaw: Flaw
  #kept: Buffer | null = null
  #sent = 0

  constructor(inner: Duplex, flaw: Flaw) {
    super({ allowHalfOpen: false })
    this.#inner = inner
    this.#flaw = flaw
    if (flaw === 'shares-fate') Flawed.fellows.add(this)
    inner.on('error', () => {})
    inner.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) inner.pause()
    })
    inner.once('end', () => this.push(null))
    inner.once('close', () => this.destroy())
    if (flaw === 'reorders-corked')
      this._writev = (chunks, done) => {
        for (const { chunk } of chunks.reverse()) inner.write(chunk)
        done()
      }
  }

  override _read(): void {
    this.#inner.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#sent += chunk.length
    const flaw = this.#flaw
    const pass = () => this.#inner.write(chunk, done)
    if (flaw === 'buffers-all') {
      this.#inner.write(chunk)
      done()
    } else if (flaw === 'holds-back') {
      if (this.#kept) this.#inner.write(this.#kept)
      this.#kept = chunk
      done()
    } else if (flaw === 'sends-slowly') {
      this.#inner.write(chunk)
      setTimeout(done, chunk.length / BYTES_PER_MS)
    } else if (flaw === 'delays-writes') setTimeout(pass, DELAY_MS)
    else if (flaw === 'counts-in-two-bytes' && this.#sent > COUNTED_BYTES) this.#inner.destroy()
    // Without credit it waits for ever.
    else if (flaw !== 'renews-no-credit' || this.#sent <= CREDIT_BYTES) pass()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#flaw !== 'stays-open') this.#inner.destroy()
    if (Flawed.fellows.delete(this)) for (const fellow of Flawed.fellows) fellow.destroy()
    done(error)
  }
}

const framed = transportParts(hubPlugin, agentPlugin)
const flawed = (flaw: Flaw): TransportUnderTest => ({
  hub: framed.hub,
  agent: {
    name: 'framed',
    async dial(target) {
      const { signal } = flaw === 'ignores-signal' ? new AbortController() : target
      const carrier = new Flawed(await framed.agent.dial({ ...target, signal }), flaw)
      if (flaw === 'keeps-signal') signal.addEventListener('abort', () => carrier.destroy())
      return carrier
    },
  },
})
const failures = Object.entries(FLAWS).map(async ([flaw, expected]) => {
  const measures = flaw === 'delays-writes' || flaw === 'sends-slowly'
  const options = { deadlineMs: measures ? MEASURING_MS : DEADLINE_MS }
  return failuresOf((t) => conformTransport(t, flawed(flaw as Flaw), options), expected)
})

t.test('each rule of the suite for transports fails for its own flaw', async (t) => {
  t.strictSame(await Promise.all(failures), Object.values(FLAWS))
  t.strictSame(
    unprovenOf((t) => conformTransport(t, framed), FLAWS),
    [],
  )
})
