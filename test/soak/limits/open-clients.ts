import { connect as connectTcp, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'

/** So many addresses of this machine share a crowd, as its members would have addresses of their own. */
const ADDRESSES = 50
const AT_ONCE = 64

const addressOf = (at: number): string => `127.0.1.${1 + (at % ADDRESSES)}`

/** One TCP connection of the crowd; errors end it quietly. */
export function openTcp(port: number, at: number): Socket {
  const socket = connectTcp({ port, host: '127.0.0.1', localAddress: addressOf(at) })
  socket.on('error', () => {})
  return socket
}

/** The same with its TLS handshake done; null when the hub closed it. */
export function openTls(port: number, servername: string, at: number): Promise<TLSSocket | null> {
  const socket = connect({ socket: openTcp(port, at), servername, rejectUnauthorized: false })
  socket.on('error', () => {})
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(socket))
    socket.once('close', () => resolve(null))
  })
}

/** Opens `count` of them, some at a time, and does `then` with each that was let in. */
export async function openCrowd(
  count: number,
  open: (at: number) => Promise<TLSSocket | null>,
  then: (socket: TLSSocket, at: number) => unknown,
): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const at = next++
      const socket = await open(at)
      if (socket === null) continue
      sockets.push(socket)
      await then(socket, at)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return sockets
}
