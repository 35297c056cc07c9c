import { serviceRef } from '../kernel/reference.ts'
import type { Admission } from './admission.ts'
import type { App } from './app.ts'

/**
 * One connection to an app through an agent, in callback style because the data path allocates nothing per
 * chunk. Bytes only. The owner sets the callbacks before the next tick.
 */
export interface Pipe {
  readonly agent: string
  /** The protocol that TLS to the app negotiated (ALPN); null or absent: none, or the agent does not say. */
  readonly alpn?: string | null
  /** True: a newer link of the agent takes over from that of the pipe. Finish what is under way, keep it for nothing. */
  readonly isGoing?: () => boolean
  /** The owner keeps the connection for a later request (true), or uses it again: an idle one is no load of its agent. */
  readonly setIdle?: (idle: boolean) => void
  /** Bytes from the app. */
  ondata: (chunk: Buffer) => void
  /** The app has sent its last byte, cleanly. */
  onend: () => void
  /** `write` returned false before and may be called again. */
  ondrain: () => void
  /**
   * Once, last. `error` is null only after a clean end in both directions; a reset is never clean. Its `code` is
   * `MEZ_LINK_LOST` when not the app but the link to the agent broke.
   */
  onclose: (error: Error | null) => void
  /** Returns false when the other side is slow: wait for `ondrain`. */
  write(chunk: Buffer): boolean
  /** No more bytes towards the app; bytes from it may still come. */
  end(): void
  /** Ends both directions with a reset. Idempotent. */
  destroy(): void
  pause(): void
  resume(): void
}

/** The live tunnel to one agent, as it stands now. */
export interface Link {
  readonly hostname: string
  readonly transport: string
  /** What mezd says of itself. */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly since: number
  /** Of the last heartbeat; null before the first. */
  readonly rttMs: number | null
  /** Open ones. */
  readonly streams: number
}

/** Told when a link comes or goes. */
export interface TunnelChanged {
  readonly hostname: string
  readonly connected: boolean
  readonly reason: string | null
}

/** `reason`: why the app is `unreachable`, a reason code of the agent. */
export interface AppState {
  readonly state: 'ready' | 'unreachable' | 'no_agent' | 'disabled'
  readonly reason: string | null
}

/** How `Tunnel.open` chooses. */
export interface OpenOptions {
  /** Gives an idle connection of the same session to the same app through this agent, instead of a new one. */
  readonly idle?: (agent: string) => Pipe | undefined
  /** Host name of an agent whose link has just broken: tried last. */
  readonly avoid?: string | null
  /** Protocols that the agent offers in TLS to the app (ALPN), best first. Default: `http/1.1`. */
  readonly alpn?: readonly string[] | undefined
}

/** The live agents of this hub and the way through them. */
export interface Tunnel {
  /** Links that may serve the app now, best first (least connections in use, then round robin). Synchronous. */
  candidates(app: App): readonly Link[]
  /**
   * Opens a connection to the app of the admission: walks the candidates until one connects. Access is decided again
   * when it may have changed meanwhile, so a connection is returned only while the admission holds. Synchronous when
   * an idle connection serves; otherwise rejects with `MEZ_AGENT_NONE` without a candidate, `MEZ_ADMISSION_ENDED` when
   * access has ended, else the failure of the last candidate: `MEZ_DIAL_FAILED` (refused, unreachable, not allowed;
   * `agent_limit`: as many streams as the agent may carry), `MEZ_DIAL_TIMEOUT` or `MEZ_LINK_LOST`. Each error has the
   * reason code in `reason`. No byte of a request leaves before it resolves.
   */
  open(admission: Admission, options?: OpenOptions): Pipe | Promise<Pipe>
  links(): readonly Link[]
  /** What the agents of this hub see of an app. */
  stateOf(app: App): AppState
  /** Why this agent could not reach the app last; null: it did, or has not tried. */
  lastError(app: App, hostname: string): string | null
  /** Cuts the link of an agent at once. */
  disconnect(hostname: string, reason: string): void
}

/** The connected agents of this hub. */
export const tunnel = serviceRef<Tunnel>('tunnel')
