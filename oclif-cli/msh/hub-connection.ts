import type { ClientHttp2Session } from 'node:http2'
import { setTimeout as pause } from 'node:timers/promises'
import { CliError } from '@mezite/cli'
import { type Identity, renewHint } from '@mezite/cli/identity'
import { HubArrival } from './hub-arrival.ts'
import { dialHub } from './hub-dialer.ts'
import { type AppProtocol, type AppStream, openStream, StreamLost } from './hub-stream.ts'
import { createLoginLife } from './login-life.ts'
import { Refusal } from './refusal.ts'

/** How long a local connection waits for the hub to return. */
const WAIT_MS = 5_000
const FIRST_RETRY_MS = 200
const LONGEST_RETRY_MS = 5_000
const PASSING_MS = 100
/** After a sleep the hub must respond within this time; less than `WAIT_MS`, so that no local connection is lost. */
const AWAKE_MS = 2_000
const CLOCK_CHECK_MS = 1_000
/** A timer can be late by less than this on a busy machine. */
const STALL_MS = 2_000

export interface HubConnectionOptions {
  readonly identity: Identity
  /** Asks the hub whether the login has ended. Called when the hub closes a connection without a reason. */
  readonly hasEnded: () => Promise<boolean>
  /** Renews the login of a bot, whose certificate lasts an hour at most; undefined for a person. */
  readonly renew?: (() => Promise<Identity>) | undefined
  /** Called once, when the certificate or the login has ended and the hub will refuse everything. */
  readonly onEnded: (error: CliError) => void
  /** Prints a line for the user. */
  readonly note: (text: string) => void
  readonly waitMs?: number
  readonly heartbeatMs?: number
}

/** The one connection to the hub that carries all local ones. It reconnects by itself while the certificate is valid. */
export interface HubConnection {
  /** Connects for the first time; throws `CliError`. Reconnecting is automatic. */
  connect(): Promise<void>
  /** Opens one connection to an app, waiting up to five seconds for the hub. Throws `Refusal`, or `StreamLost` after an abort. */
  open(app: string, protocol: AppProtocol, signal?: AbortSignal): Promise<AppStream>
  /** Resets every open connection. */
  close(): void
}

/** Creates a connection that does nothing before `connect`. */
export function createHubConnection(options: HubConnectionOptions): HubConnection {
  const { identity, renew, note } = options
  const hub = identity.proxy.name
  const stopped = new AbortController()
  const sessions = new Set<ClientHttp2Session>()
  /** The login of each, as it was when it was dialled, and what cuts it. */
  const dials = new WeakMap<ClientHttp2Session, { readonly login: Identity; readonly cut: AbortController }>()
  let current: ClientHttp2Session | null = null
  const arrival = new HubArrival()
  let retire = (): void => {}
  let stopWatching = (): void => {}
  const { signal } = stopped
  // New streams need the new certificate; those that are open keep the old connection until the hub ends it.
  const onRenewed = (): void => retire()
  const login = createLoginLife({ identity, renew, onRenewed, onExpired: end, note, signal })

  const usable = (): ClientHttp2Session | null =>
    current !== null && !current.closed && !current.destroyed ? current : null

  /** The login has been renewed since, so its end there ends nothing else. */
  const isOutdated = (session: ClientHttp2Session): boolean => dials.get(session)?.login !== login.identity()

  function end(error: CliError): void {
    if (stopped.signal.aborted) return
    close()
    options.onEnded(error)
  }
  const ended = (why: string): CliError =>
    new CliError('MEZ_LOGIN_ENDED', `the login at ${hub} has ended: ${why}`, {
      hint: renewHint(login.identity()),
    })

  function close(): void {
    stopped.abort()
    login.stop()
    stopWatching()
    for (const session of sessions) session.destroy()
  }

  /** The certificate may have expired during the sleep, and the connection may be dead. */
  function onWake(): void {
    login.check()
    const session = usable()
    if (!session) return
    // Not only the HTTP/2 session, which waits for the end of a write that nobody reads any more.
    const deadline = setTimeout(() => dials.get(session)?.cut.abort(), AWAKE_MS)
    session.ping(() => clearTimeout(deadline))
  }

  async function attempt(): Promise<ClientHttp2Session> {
    const heartbeat = options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }
    const dialled = login.identity()
    const cut = new AbortController()
    const session = await dialHub(dialled, { signal: AbortSignal.any([signal, cut.signal]), ...heartbeat })
    sessions.add(session)
    dials.set(session, { login: dialled, cut })
    session.once('close', () => sessions.delete(session))
    session.once('goaway', (_code, _last, reason) => {
      const why = Buffer.from(reason ?? []).toString('latin1')
      const refusal = new Refusal('', 401, why)
      if (isOutdated(session)) return
      if (['session_ended', 'certificate_refused', 'certificate_expired'].includes(why)) {
        end(ended(refusal.message))
      }
    })
    current = session
    arrival.arrived()
    return session
  }

  /** Resolves when the session takes no new streams: it is closed, the hub sent GOAWAY, or the login was renewed. */
  const retired = (session: ClientHttp2Session) =>
    new Promise<void>((resolve) => {
      session.once('goaway', () => resolve())
      retire = resolve
      session.once('close', () => resolve())
      if (session.closed || session.destroyed || isOutdated(session)) resolve()
    })

  async function keepConnected(first: ClientHttp2Session): Promise<void> {
    let session = first
    while (!stopped.signal.aborted) {
      await retired(session)
      if (stopped.signal.aborted) return
      current = null
      arrival.left()
      session = await reconnect()
    }
  }

  async function reconnect(): Promise<ClientHttp2Session> {
    let reported = false
    for (let tries = 0; ; tries += 1) {
      await arrival.backOff(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 10)), signal)
      try {
        const session = await attempt()
        if (reported) note(`Reconnected to ${hub}.`)
        return session
      } catch (error) {
        if (stopped.signal.aborted) throw error
        if ((error as CliError).code === 'MEZ_LOGIN_ENDED') end(error as CliError)
        // Not at every attempt, because the request to an unreachable hub takes five seconds to time out.
        if (tries % 4 === 0 && (await options.hasEnded())) end(ended('it was revoked or has expired'))
        if (!reported) note(`Lost the hub: ${(error as Error).message}. Reconnecting; local ports stay open.`)
        reported = true
      }
    }
  }

  /** A session that takes streams; null if there is none within `ms`. */
  async function waitForSession(ms: number): Promise<ClientHttp2Session | null> {
    const session = usable()
    if (session || ms <= 0) return session
    await arrival.wait(ms)
    return usable()
  }

  return {
    async connect() {
      login.start()
      stopWatching = watchWake(onWake)
      const session = await attempt()
      keepConnected(session).catch(() => {})
    },
    async open(app, protocol, signal) {
      const deadline = performance.now() + (options.waitMs ?? WAIT_MS)
      for (;;) {
        const left = deadline - performance.now()
        const session = await waitForSession(left)
        if (signal?.aborted) throw new StreamLost('aborted')
        try {
          if (session) return await openStream(session, { app, protocol, signal })
          if (left <= 0 || stopped.signal.aborted) throw new Refusal(app, 503, 'hub_unreachable')
        } catch (error) {
          if (error instanceof Refusal && error.endsLogin) end(ended(error.message))
          const again = error instanceof StreamLost || (error instanceof Refusal && error.passing)
          if (!again || left <= 0 || stopped.signal.aborted || signal?.aborted) throw error
        }
        // The end of a session is noticed a moment later.
        await pause(PASSING_MS)
      }
    },
    close,
  }
}

/**
 * Calls `onWake` after this machine slept or this process was stopped for more than two seconds. Timers stop too, so only
 * the wall clock shows it. Returns a function that stops watching.
 */
function watchWake(onWake: () => void): () => void {
  let seen = Date.now()
  const timer = setInterval(() => {
    const now = Date.now()
    const stalled = now - seen > CLOCK_CHECK_MS + STALL_MS
    seen = now
    if (stalled) onWake()
  }, CLOCK_CHECK_MS)
  return () => clearInterval(timer)
}
