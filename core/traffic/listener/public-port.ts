import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { listen } from '../../base/log/listening-port.ts'
import type { Handle } from '../processes/node-handles.ts'
import type { ConnectionRefusals } from './connection-refusals.ts'
import type { Entrance } from './entrance.ts'

/** How long a hub that stops waits for TLS handshakes. */
const HANDSHAKES_MS = 1_000
const POLL_MS = 20
/** Connections beyond the limit that are accepted, because each closes another one or is closed. */
const SPARE = 32

/** The listening sockets of the public port: its own, and those that a parent process has bound. */
export function createPublicPort(
  listenAddr: string,
  { most, accept }: Pick<Entrance, 'most' | 'accept'>,
  { tooMany, warnRarely }: Pick<ConnectionRefusals, 'tooMany' | 'warnRarely'>,
) {
  const open = new Set<Server>()

  function serverOf(): Server {
    const server = createServer({ pauseOnConnect: false }, accept)
    server.maxConnections = most + SPARE
    // A connection was lost, for example because no file descriptor is free. Before the port listens, `listen` rejects with
    // the error.
    server.on('error', (error) => {
      if (server.listening) warnRarely('accept', 'the public port failed to accept a connection', error)
    })
    server.on('drop', () => tooMany())
    open.add(server)
    return server
  }

  return {
    listen: () => listen(serverOf(), listenAddr, 'proxy.listen_addr'),
    /** Accepts connections from an inherited socket until the returned function is called. */
    async adopt(handle: Handle): Promise<() => void> {
      const server = serverOf()
      await listenOn(server, handle)
      return () => {
        open.delete(server)
        void server[Symbol.asyncDispose]()
      }
    },
    /** See `stopAccepting` below. */
    stopAccepting: (noHandshakes: () => boolean) => stopAccepting([...open], noHandshakes),
    /** Resolves when the last connection has ended. */
    close: () => Promise.all([...open].map((server) => server[Symbol.asyncDispose]())),
  }
}

/** Listens on an inherited socket. */
export async function listenOn(server: Server, handle: Handle): Promise<void> {
  await once(server.listen(handle), 'listening')
}

/** Accepts no more connections. Resolves once no handshake is left, at the latest after a second. */
async function stopAccepting(servers: readonly Server[], noHandshakes: () => boolean): Promise<void> {
  // The kernel resets the connections that wait to be accepted when the port closes: accept them first.
  await new Promise((resolve) => setImmediate(resolve))
  for (const server of servers) void server[Symbol.asyncDispose]()
  const end = performance.now() + HANDSHAKES_MS
  while (!noHandshakes() && performance.now() < end) await pause(POLL_MS)
}

/** Includes both ends, because a balancer may use one of its ports for several addresses of the hub. */
export function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
