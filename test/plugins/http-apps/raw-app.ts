import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** An app that hands over each connection with what has come on it. */
export async function openRawApp(
  onchunk: (socket: Socket, text: string, all: { bytes: number; end: string }) => void,
) {
  const sockets = new Set<Socket>()
  let most = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    most = Math.max(most, sockets.size)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    let text = ''
    const all = { bytes: 0, end: '' }
    socket.on('data', (chunk) => {
      all.bytes += chunk.length
      all.end = (all.end + chunk.toString('latin1')).slice(-10)
      // The beginning is enough of a long one.
      if (text.length < 100_000) text += chunk.toString('latin1')
      onchunk(socket, text, all)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    most: () => most,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
