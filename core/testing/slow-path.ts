import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP relay that delays every byte. */
export interface SlowPath {
  readonly port: number
  /** Stops relaying bytes without closing connections, like a network that drops packets. */
  silence(): void
  close(): void
}

/**
 * Relays connections to a port of this machine. `delayMs` is the one-way delay. The share `loss` of the chunks, and
 * everything after each of them, arrives `delayMs * 2` later, as when TCP resends a lost packet.
 */
export async function openSlowPath(
  port: number,
  { delayMs, loss = 0 }: { readonly delayMs: number; readonly loss?: number },
): Promise<SlowPath> {
  const sockets = new Set<Socket>()
  let silent = false
  const relay = (from: Socket, to: Socket): void => {
    const queue: { readonly at: number; readonly chunk: Buffer }[] = []
    let scheduled = false
    const schedule = (at: number): void => {
      if (scheduled) return
      scheduled = true
      setTimeout(pass, Math.max(0, at - performance.now()))
    }
    const pass = (): void => {
      scheduled = false
      for (let [first] = queue; first && first.at <= performance.now(); [first] = queue) {
        queue.shift()
        if (!silent) to.write(first.chunk)
      }
      const [next] = queue
      if (next) schedule(next.at)
    }
    from.on('data', (chunk: Buffer) => {
      if (silent) return
      const lost = Math.random() < loss ? delayMs * 2 : 0
      const at = Math.max(queue.at(-1)?.at ?? 0, performance.now() + delayMs + lost)
      queue.push({ at, chunk })
      schedule(at)
    })
    from.on('error', () => {})
    from.once('close', () => {
      if (!silent) setTimeout(() => to.destroy(), delayMs * 4)
    })
  }
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    relay(near, far)
    relay(far, near)
  })
  await new Promise<void>((resolve) => server.unref().listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    silence() {
      silent = true
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
