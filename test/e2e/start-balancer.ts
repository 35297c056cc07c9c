import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** One address in front of several servers, as a TCP load balancer or a network is. */
export interface Balancer {
  readonly port: number
  /** How many connections have come. */
  readonly taken: number
  /** Where new connections go, in turn; to the next when one refuses. */
  to(...ports: readonly number[]): void
  /** Ends every connection with a reset, as a network that fails; new ones are taken at once. */
  cut(): void
  close(): void
}

export async function startBalancer(): Promise<Balancer> {
  let targets: readonly number[] = []
  let turn = 0
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    keep(socket)
    const first = turn++
    const attempt = (at: number) => {
      const port = targets[(first + at) % targets.length]
      if (at >= targets.length || port === undefined || socket.destroyed) return void socket.destroy()
      const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      keep(upstream)
      const refused = () => attempt(at + 1)
      upstream.once('error', refused)
      upstream.once('connect', () => {
        upstream.off('error', refused)
        socket.pipe(upstream).pipe(socket)
        socket.on('close', () => upstream.destroy())
        upstream.on('close', () => socket.destroy())
      })
    }
    attempt(0)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get taken() {
      return turn
    },
    to(...ports) {
      targets = ports
    },
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
