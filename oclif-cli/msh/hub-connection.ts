import type { ClientHttp2Session } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from '@mezite/cli-shared'
import { LONGEST_TIMER_MS } from '@mezite/core/protocol'
import { dialHub } from './hub-dialer.ts'
import { type AppProtocol, type AppStream, openStream, StreamLost } from './hub-stream.ts'
import type { Identity } from './identity.ts'
import { renewHint } from './identity-choice.ts'
import { Refusal } from './refusal.ts'
import { watchWake } from './wake-detector.ts'

/** How long a connection waits for the hub to come back. */
const WAIT_MS = 5_000
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5_000
/** The longest time between two tries while a connection waits. */
const WANTED_RETRY_MS = 500
const PASSING_MS = 100
/** After a sleep the hub has this long to answer: less than a connection waits, so that none is lost on a dead line. */
const AWAKE_MS = 2_000

export interface HubLineOptions {
  readonly identity: Identity
  /** True: the hub says that the login has ended. Asked when a connection is closed without a reason. */
  readonly hasEnded: () => Promise<boolean>
  /** Once: certificate or login are over, and nothing will be let through any more. */
  readonly onEnded: (error: CliError) => void
  /** A line for the person. */
  readonly note: (text: string) => void
  readonly waitMs?: number
  readonly heartbeatMs?: number
}

/** The one connection to the hub on which all local ones are carried. It comes back by itself while the certificate lasts. */
export interface HubLine {
  /** The first connection; throws `CliError`. Later ones are made without being asked for. */
  connect(): Promise<void>
  /** One connection to an app, waiting for the hub a few seconds. Throws `Refusal`, or `StreamLost` once aborted. */
  open(app: string, protocol: AppProtocol, signal?: AbortSignal): Promise<AppStream>
  /** Resets everything that is open. */
  close(): void
}

/** Makes a line; nothing happens before `connect`. */
export function createHubLine(options: HubLineOptions): HubLine {
  const { identity, note } = options
  const hub = identity.proxy.name
  const stopped = new AbortController()
  const sessions = new Set<ClientHttp2Session>()
  let current: ClientHttp2Session | null = null
  let arrival = Promise.withResolvers<void>()
  let waiting = 0
  let wanted = Promise.withResolvers<void>()
  let expiry: NodeJS.Timeout | undefined
  let stopWatching = (): void => {}

  const usable = (): ClientHttp2Session | null =>
    current !== null && !current.closed && !current.destroyed ? current : null

  function end(error: CliError): void {
    if (stopped.signal.aborted) return
    close()
    options.onEnded(error)
  }
  const ended = (why: string): CliError =>
    new CliError('MEZ_LOGIN_ENDED', `the login at ${hub} has ended: ${why}`, { hint: renewHint(identity) })

  function close(): void {
    stopped.abort()
    clearTimeout(expiry)
    stopWatching()
    for (const session of sessions) session.destroy()
  }

  function expireAt(): void {
    clearTimeout(expiry)
    const left = identity.expires - Date.now()
    if (left > 0) {
      expiry = setTimeout(expireAt, Math.min(left, LONGEST_TIMER_MS))
    } else {
      const what = `the certificate for ${hub} has expired`
      end(new CliError('MEZ_LOGIN_EXPIRED', what, { hint: renewHint(identity) }))
    }
  }

  /** The certificate may have ended in the sleep, and nobody may be at the other end any more. */
  function awake(): void {
    expireAt()
    const session = usable()
    if (!session) return
    const deadline = setTimeout(() => session.destroy(), AWAKE_MS)
    session.ping(() => clearTimeout(deadline))
  }

  async function attempt(): Promise<ClientHttp2Session> {
    const heartbeat = options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }
    const session = await dialHub(identity, { signal: stopped.signal, ...heartbeat })
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    session.once('goaway', (_code, _last, reason) => {
      const why = Buffer.from(reason ?? []).toString('latin1')
      const refusal = new Refusal('', 401, why)
      if (['session_ended', 'certificate_refused', 'certificate_expired'].includes(why)) {
        end(ended(refusal.message))
      }
    })
    current = session
    arrival.resolve()
    return session
  }

  /** Resolves when the session takes no new streams: it is closed, or the hub said that it goes. */
  const retired = (session: ClientHttp2Session) =>
    new Promise<void>((resolve) => {
      session.once('goaway', () => resolve())
      session.once('close', () => resolve())
      if (session.closed || session.destroyed) resolve()
    })

  async function keep(first: ClientHttp2Session): Promise<void> {
    let session = first
    while (!stopped.signal.aborted) {
      await retired(session)
      if (stopped.signal.aborted) return
      current = null
      arrival = Promise.withResolvers<void>()
      session = await reconnect()
    }
  }

  /** Some time below `longestMs`, cut short once a connection waits. */
  async function rest(longestMs: number): Promise<void> {
    const ms = Math.random() * longestMs
    const least = Math.min(ms, Math.random() * WANTED_RETRY_MS)
    await pause(least, undefined, { signal: stopped.signal })
    const over = new AbortController()
    const signal = AbortSignal.any([stopped.signal, over.signal])
    await Promise.race([pause(ms - least, undefined, { signal }).catch(() => {}), wanted.promise])
    over.abort()
    stopped.signal.throwIfAborted()
  }

  async function reconnect(): Promise<ClientHttp2Session> {
    let told = false
    for (let tries = 0; ; tries += 1) {
      await rest(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 10)))
      try {
        const session = await attempt()
        if (told) note(`Connected to ${hub} again.`)
        return session
      } catch (error) {
        if (stopped.signal.aborted) throw error
        if ((error as CliError).code === 'MEZ_LOGIN_ENDED') end(error as CliError)
        // A hub that is not there cannot say so; one that is tells in a moment.
        if (tries % 4 === 0 && (await options.hasEnded())) end(ended('the hub says so'))
        if (!told) note(`Lost the hub: ${(error as Error).message}. Trying again; open ports stay.`)
        told = true
      }
    }
  }

  /** The session that takes streams; null when there is none within the time. */
  async function live(ms: number): Promise<ClientHttp2Session | null> {
    const session = usable()
    if (session || ms <= 0) return session
    const timer = new AbortController()
    const late = pause(ms, undefined, { signal: timer.signal }).catch(() => {})
    waiting += 1
    wanted.resolve()
    await Promise.race([arrival.promise, late])
    timer.abort()
    waiting -= 1
    if (waiting === 0) wanted = Promise.withResolvers()
    return usable()
  }

  return {
    async connect() {
      expireAt()
      stopWatching = watchWake(awake)
      const session = await attempt()
      keep(session).catch(() => {})
    },
    async open(app, protocol, signal) {
      const deadline = performance.now() + (options.waitMs ?? WAIT_MS)
      for (;;) {
        const left = deadline - performance.now()
        const session = await live(left)
        if (signal?.aborted) throw new StreamLost('not wanted any more')
        try {
          if (session) return await openStream(session, { app, protocol, signal })
          if (left <= 0 || stopped.signal.aborted) throw new Refusal(app, 503, 'hub_unreachable')
        } catch (error) {
          if (error instanceof Refusal && error.endsLogin) end(ended(error.message))
          const again = error instanceof StreamLost || (error instanceof Refusal && error.passing)
          if (!again || left <= 0 || stopped.signal.aborted || signal?.aborted) throw error
        }
        // What just went, or is just going, is noticed a moment later.
        await pause(PASSING_MS)
      }
    },
    close,
  }
}
