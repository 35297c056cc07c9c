import type { Duplex } from 'node:stream'
import { resetSocket } from './reset-socket.ts'
import type { StreamPipe } from './stream-pipe.ts'

/**
 * Carries bytes both ways between a stream and a connection, with back-pressure. Each end closes only its direction;
 * a reset of one side resets the other. The socket must have been made with `allowHalfOpen`.
 */
export function relaySocket(pipe: StreamPipe, socket: Duplex): void {
  let ended = false
  let closed = false
  socket.on('error', () => socket.destroy())
  pipe.ondata = (chunk) => {
    if (!socket.write(chunk)) pipe.pause()
  }
  socket.on('drain', () => pipe.resume())
  pipe.onend = () => socket.end()
  pipe.ondrain = () => socket.resume()
  pipe.onclose = (error) => {
    closed = true
    if (error) resetSocket(socket)
  }
  socket.on('data', (chunk: Buffer) => {
    if (!pipe.write(chunk)) socket.pause()
  })
  socket.once('end', () => {
    ended = true
    pipe.end()
  })
  socket.once('close', () => {
    // Without `end` the connection's bytes are incomplete; with an error ours are lost.
    if (!closed && (!ended || socket.errored)) pipe.destroy()
  })
}
