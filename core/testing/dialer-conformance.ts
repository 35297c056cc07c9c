import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { DialTarget } from '../api/agent-hooks.ts'
import { messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { type ConformTest, inTime } from './conformance-test.ts'
import { watchEffects } from './side-effects.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

/** Inputs of `conformDialer`. */
export interface ConformDialerOptions extends TestHostOptions {
  /** A target of this dialer, which echoes every byte and ends when its input ends. */
  readonly echo: DialTarget
  /** A target of this dialer that nothing listens on. */
  readonly unreachable: DialTarget
  /** A target of this dialer that accepts connections and then says nothing, if the dialer waits for a reply. */
  readonly silent?: DialTarget
  /** A target that the dialer must leave to the agent. */
  readonly foreign: DialTarget
  /** How long each step may take, in milliseconds. Default: 30 s. */
  readonly deadlineMs?: number
}

const BYTES = 1 << 20
const PAUSE_MS = 50
/** How long after its end a dial may still go wrong. */
const LATE_MS = 200
/** For a busy machine. */
const SLACK_MS = 2_000

/** A target for tests of dialers. Default: 2 s to connect, no TLS. */
export const testTarget = (app: string, uri: string, changes: Partial<DialTarget> = {}): DialTarget => ({
  app,
  uri,
  tls: { verify: true, serverName: null, ca: null },
  connectMs: 2_000,
  ...changes,
})

/** Checks a tap of the agent's `dial.open`: which targets it takes, and that its streams carry bytes like a socket. */
export function conformDialer(t: ConformTest, plugin: AnyPlugin, options: ConformDialerOptions): void {
  const { echo, unreachable, silent: _silent, foreign, deadlineMs, ...host } = options
  const dial = async (target: DialTarget): Promise<Duplex | null> =>
    inTime(createTestHost<'agent'>(plugin, host).calls.dial.open(target), 'dial.open', deadlineMs)
  /** Watches for errors that nobody hears, which would end the agent, until a moment after `run`. */
  const withoutLateErrors = async (t: ConformTest, run: () => Promise<void>): Promise<void> => {
    const effects = await watchEffects(async () => {
      await run()
      await new Promise((resolve) => setTimeout(resolve, LATE_MS))
    })
    effects.end()
    const { unheard } = effects
    t.ok(unheard.length === 0, `errors without a listener: ${unheard.map(messageOf).join('; ') || 'none'}`)
  }
  const open = async (): Promise<Duplex> => {
    const stream = await dial(echo)
    if (stream === null) throw new Error(`the dialer did not take ${echo.uri} of ${echo.app}`)
    stream.on('error', () => {})
    return stream
  }

  t.test('it leaves other targets to the agent', async (t) => {
    const stream = await dial(foreign)
    stream?.destroy()
    t.ok(stream === null, foreign.uri)
  })

  t.test('bytes arrive whole in both directions, and after the end of the input', async (t) => {
    const stream = await open()
    const sent = randomBytes(BYTES)
    const received = buffer(stream)
    stream.end(sent)
    t.ok((await inTime(received, 'the echo', deadlineMs)).equals(sent), `${BYTES} bytes`)
  })

  t.test('a paused stream holds back its bytes and loses none', async (t) => {
    const stream = await open()
    stream.pause()
    const sent = randomBytes(BYTES)
    stream.end(sent)
    // A stream that flows without a reader loses bytes in this time.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    t.ok((await inTime(buffer(stream), 'the echo', deadlineMs)).equals(sent), `${BYTES} bytes`)
  })

  t.test('a destroyed stream closes', async (t) => {
    await withoutLateErrors(t, async () => {
      const stream = await open()
      const closed = once(stream, 'close')
      stream.destroy()
      await inTime(closed, 'the close', deadlineMs)
      t.ok(stream.destroyed, 'closed')
    })
  })

  t.test('a target that cannot be reached is an error in time', async (t) => {
    await withoutLateErrors(t, async () => {
      const began = performance.now()
      const error = await dial(unreachable).then(
        (stream) => void stream?.destroy(),
        (reason: unknown) => messageOf(reason),
      )
      const ms = performance.now() - began
      t.ok(error !== undefined, `an error, because after null the agent dials itself: ${error}`)
      const most = unreachable.connectMs + SLACK_MS
      t.ok(ms <= most, `after ${Math.round(ms)} ms; the target has ${unreachable.connectMs} ms to connect`)
    })
  })

  t.test('a target that does not respond is given up after its time to connect', async (t) => {
    const { silent } = options
    if (silent === undefined) return void t.ok(true, 'the test names no such target')
    await withoutLateErrors(t, async () => {
      const began = performance.now()
      const outcome = await dial(silent).then(
        (stream) => {
          stream?.destroy()
          return 'no error'
        },
        () => 'an error',
      )
      const ms = performance.now() - began
      t.ok(outcome === 'an error', `${outcome}, although nothing responded`)
      t.ok(
        ms <= silent.connectMs + SLACK_MS,
        `after ${Math.round(ms)} ms; the target has ${silent.connectMs} ms to connect`,
      )
    })
  })
}
