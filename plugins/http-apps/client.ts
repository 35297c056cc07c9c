import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The browser's side of one request. */
export interface Client {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** Set for an upgrade: the bare connection, and what came on it already. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | null
  /** The hub is shutting down: connections are not kept. */
  readonly draining: () => boolean
}

/** Cuts the connection at once: the browser sees a reset, never a clean end. */
export function cutClient({ message, upgrade }: Client): void {
  ;(upgrade?.socket ?? message.socket).destroy()
}
