import { serviceRef } from '../kernel/reference.ts'
import type { Admission } from './admission.ts'
import type { App } from './app.ts'

/**
 * One connection to an app through an agent. It carries bytes, and uses callbacks so that the data path allocates
 * nothing per chunk. The owner sets the callbacks before the next tick.
 */
export interface Pipe {
  readonly agent: string
  /**
   * The protocol that TLS to the app negotiated (ALPN); null or absent if there is none or the agent does not report
   * it.
   */
  readonly alpn?: string | null
  /**
   * True when the next request should use another pipe: a newer link of the agent replaces this pipe's link, or a bulk transfer
   * fills its connection while the agent has a quieter one. Finish the current request, then close the pipe.
   */
  readonly isGoing?: () => boolean
  /**
   * Set to true when the owner keeps the connection for a later request: an idle one does not count as load of its
   * agent.
   */
  readonly setIdle?: (idle: boolean) => void
  /** Bytes from the app. */
  ondata: (chunk: Buffer) => void
  /** The app closed its side cleanly. */
  onend: () => void
  /** Writing may continue after `write` returned false. */
  ondrain: () => void
  /**
   * Called last, exactly once. `error` is null only if both directions ended cleanly, without a reset. Its `code` is
   * `MEZ_LINK_LOST` if the link to the agent broke.
   */
  onclose: (error: Error | null) => void
  /** Returns false when the other side is slow: then wait for `ondrain`. */
  write(chunk: Buffer): boolean
  /** Ends the direction towards the app; bytes from the app may still arrive. */
  end(): void
  /** Resets both directions. Idempotent. */
  destroy(): void
  pause(): void
  resume(): void
}

/** The current state of the link to one agent, of this hub or of one that relays for it. */
export interface Link {
  readonly hostname: string
  readonly transport: string
  /** The version that mezd reports. */
  readonly version: string
  /** The group of the key exchange that mezd reports; missing for an older one, and for the link of another hub. */
  readonly keyExchange?: string | null
  /** Milliseconds since the epoch. */
  readonly since: number
  /** Round-trip time of the last heartbeat; null before the first, and for the link of another hub. */
  readonly rttMs: number | null
  /** Number of open streams of this hub. */
  readonly streams: number
}

/** Sent when a link comes up, and when the last one goes down, of this hub or of one that relays for it. */
export interface TunnelChanged {
  readonly hostname: string
  readonly connected: boolean
  readonly reason: string | null
}

/** `reason` is the agent's reason code when the app is `unreachable`. */
export interface AppState {
  readonly state: 'ready' | 'unreachable' | 'no_agent' | 'disabled'
  readonly reason: string | null
}

/** Options of `Tunnel.open`. */
export interface OpenOptions {
  /** Returns an idle connection of the same session to the same app through this agent, to use instead of a new one. */
  readonly idle?: (agent: string) => Pipe | undefined
  /** Host name of an agent whose link just broke; it is tried last. */
  readonly avoid?: string | null
  /** Protocols that the agent offers in TLS to the app (ALPN), best first. Default: `http/1.1`. */
  readonly alpn?: readonly string[] | undefined
  /**
   * Connects to this target, `tcp://HOST:PORT`, in place of the app's `uri`, without TLS and without `idle`. The app's kind
   * must have `targets`, and the agent checks its `apps.allow` on the address that it connects to. Each attempt is recorded
   * as `app.target`. Errors: `MEZ_DIAL_FAILED` with the reason `target_unsupported`, `target_invalid` or, of the agent, `target_not_allowed`.
   */
  readonly target?: string
}

/** The connected agents, and connections through them. */
export interface Tunnel {
  /** Links that may serve the app now, best first (fewest connections in use, then round robin). Synchronous. */
  candidates(app: App): readonly Link[]
  /**
   * Opens a connection to the app of the admission through the first candidate that connects. Decides access again if it
   * may have changed, so a connection is returned only while the admission is valid. Synchronous if there is an idle
   * connection. If every link that could serve the app has just broken, waits up to 3 s for one to return. Rejects with `MEZ_AGENT_NONE` if there are no candidates, `MEZ_ADMISSION_ENDED` if access has ended, or
   * the error of the last candidate: `MEZ_DIAL_FAILED` (refused, unreachable, not allowed, or `agent_limit`: the agent
   * is at its stream limit), `MEZ_DIAL_TIMEOUT` or `MEZ_LINK_LOST`. `reason` of each error is the reason code, and
   * `agent` the host name of the last candidate, or null. No byte of a request is sent before it resolves.
   */
  open(admission: Admission, options?: OpenOptions): Pipe | Promise<Pipe>
  /**
   * Posts a form to a path of the app as the hub itself, without a session and without an identity, for messages that nobody's access
   * decides about, such as a logout token. `path` has the query. Resolves to the status of the response; rejects like `open`,
   * and with `MEZ_DIAL_FAILED` if there is no response within 10 s.
   */
  post(app: App, path: string, form: string): Promise<number>
  links(): readonly Link[]
  /** The state of an app as the agents report it. */
  stateOf(app: App): AppState
  /** Why this agent's last attempt to reach the app failed; null if it succeeded or there was none. */
  lastError(app: App, hostname: string): string | null
  /** Cuts the link of this hub to an agent immediately. */
  disconnect(hostname: string, reason: string): void
}

/** The connected agents. */
export const tunnel = serviceRef<Tunnel>('tunnel')
