import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { resetSocket } from './socket-reset.ts'
import type { StreamPipe } from './stream-pipe.ts'

/** The members of a `Pipe` or a `StreamPipe` that carry bytes. */
type RelayedPipe = Pick<
  StreamPipe,
  'ondata' | 'onend' | 'ondrain' | 'onclose' | 'write' | 'end' | 'destroy' | 'pause' | 'resume'
>

/** Frames of this size arrive in bursts: all that arrive in one pass of the event loop are sent in one system call. */
const BULK_BYTES = 8 * 1024

/**
 * Relays bytes in both directions between a stream and a connection, with back-pressure. An end closes only its direction;
 * a reset of one side resets the other. The socket needs `allowHalfOpen`; one that is already destroyed ends the stream.
 *
 * `writeOwned` takes the large chunks that nobody else reads, in place of `pipe.write`. Give it only where nothing stands before
 * `pipe.write`, such as a guard that holds bytes back.
 */
export function relaySocket(pipe: RelayedPipe, socket: Duplex, writeOwned?: StreamPipe['writeOwned']): void {
  // Its events have passed.
  if (socket.destroyed) {
    pipe.destroy()
    return
  }
  let ended = false
  let closed = false
  socket.on('error', () => socket.destroy())
  let corked = false
  const release = (): void => {
    if (!corked) return
    corked = false
    socket.uncork()
  }
  pipe.ondata = (chunk) => {
    if (chunk.length >= BULK_BYTES && !corked) {
      corked = true
      socket.cork()
      setImmediate(release)
    }
    if (socket.write(chunk)) return
    release()
    pipe.pause()
  }
  socket.on('drain', () => pipe.resume())
  pipe.onend = () => socket.end()
  pipe.ondrain = () => socket.resume()
  pipe.onclose = (error) => {
    closed = true
    if (error) resetSocket(socket)
  }
  const isOwned = (chunk: Buffer): chunk is Buffer<ArrayBuffer> =>
    chunk.length >= BULK_BYTES &&
    chunk.length === chunk.buffer.byteLength &&
    // Node.js reads each chunk into memory of its own; other streams, and other listeners, may keep it.
    socket instanceof Socket &&
    socket.listenerCount('data') === 1
  socket.on('data', (chunk: Buffer) => {
    const more = writeOwned && isOwned(chunk) ? writeOwned(chunk) : pipe.write(chunk)
    if (!more) socket.pause()
  })
  socket.once('end', () => {
    ended = true
    pipe.end()
  })
  // The socket may be paused.
  socket.resume()
  socket.once('close', () => {
    // Without `end` the connection's bytes are incomplete; with an error the stream's bytes are lost.
    if (!closed && (!ended || socket.errored)) pipe.destroy()
  })
}
