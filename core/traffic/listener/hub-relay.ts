import { once } from 'node:events'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { OtherHub } from './agent-router.ts'

const CONNECT_MS = 5_000
const LAST_WORD_MS = 5_000

/** Connections that this hub relays to other hubs unchanged, because they are encrypted for the other hub. */
export interface Relay {
  /** Relays a connection to the other hub; both connections end together. */
  handOn(socket: Duplex, to: OtherHub): void
  /** Resolves when the agents have disconnected or the signal aborts. */
  drain(signal: AbortSignal): Promise<void>
}

/** Calls `failed` if another hub cannot be reached. */
export function createRelay(failed: (to: OtherHub, error: Error) => void): Relay {
  const sockets = new Set<Duplex>()
  return {
    handOn(socket, to) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      const onward = connect({ ...to.address, noDelay: true })
      const deadline = setTimeout(() => onward.destroy(new Error('timed out while connecting')), CONNECT_MS)
      let connected = false
      onward.on('error', (error) => {
        if (!connected) failed(to, error)
      })
      socket.once('close', () => onward.destroy())
      onward.once('close', () => {
        clearTimeout(deadline)
        // The last bytes of the other hub, in particular its reason for closing, still reach the agent.
        socket.end(() => socket.destroy())
        setTimeout(() => socket.destroy(), LAST_WORD_MS).unref()
      })
      onward.once('connect', () => {
        connected = true
        clearTimeout(deadline)
        onward.write(to.header)
        socket.pipe(onward).pipe(socket)
      })
    },
    async drain(signal) {
      await Promise.allSettled([...sockets].map((socket) => once(socket, 'close', { signal })))
    },
  }
}
