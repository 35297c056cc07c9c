import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** An application that logs the exact bytes it receives and answers what it is told to. */
export async function openByteApp(
  answer: (request: string, socket: Socket, seen: number) => string | Buffer | null,
) {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const end = wholeRequest(text)
      if (end < 0) return
      const request = text.slice(0, end)
      text = text.slice(end)
      requests.push(request)
      const reply = answer(request, socket, requests.length)
      if (reply !== null) socket.write(reply as Buffer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    sockets,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

function wholeRequest(text: string): number {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0) return -1
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1]
  if (length !== undefined) return text.length >= head + 4 + Number(length) ? head + 4 + Number(length) : -1
  if (!/\r\ntransfer-encoding: chunked/i.test(text.slice(0, head))) return head + 4
  const end = /\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n|^0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(head + 2))
  return end === null ? -1 : head + 2 + end.index + end[0].length
}
