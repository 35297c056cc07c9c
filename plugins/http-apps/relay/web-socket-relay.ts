import type { Duplex } from 'node:stream'
import { limits } from '../limits.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** Moves bytes of an established WebSocket both ways with back-pressure, until one side or a cut ends it. */
export class WebSocketRelay {
  readonly #socket: Duplex
  readonly #upstream: Upstream
  readonly #follower = new FrameFollower()
  readonly #onprogress: () => void
  #cutCode: number | null = null
  #timer: NodeJS.Timeout | undefined
  #closing = false
  bytesIn = 0
  bytesOut = 0

  /** `onprogress` is called for every chunk, `onover` once. */
  constructor(socket: Duplex, upstream: Upstream, early: Buffer, onprogress: () => void, onover: () => void) {
    this.#socket = socket
    this.#upstream = upstream
    this.#onprogress = onprogress
    socket.on('data', (chunk: Buffer) => this.#fromClient(chunk))
    socket.on('end', () => upstream.endBody([]))
    socket.on('drain', () => upstream.resume())
    socket.once('close', () => {
      clearTimeout(this.#timer)
      upstream.destroy()
      onover()
    })
    if (early.length > 0) this.#fromClient(early)
    if (socket.destroyed) socket.emit('close')
    else if (!socket.isPaused()) socket.resume()
  }

  fromApp(chunk: Buffer): void {
    if (this.#closing) return
    this.#onprogress()
    const stop = this.#cutCode !== null
    const upTo = this.#follower.follow(chunk, stop)
    const part = stop && upTo >= 0 ? chunk.subarray(0, upTo) : chunk
    this.bytesOut += part.length
    if (!this.#socket.write(part) && !stop) this.#upstream.pause()
    if (stop && upTo >= 0) this.#sayClose()
  }

  appDrained(): void {
    if (this.#cutCode === null) this.#socket.resume()
  }

  appEnded(): void {
    if (!this.#closing) this.#socket.end()
  }

  /** The app's side is gone. After a clean end the rest is still sent to the client; otherwise the client is cut. */
  appGone(): void {
    if (this.#closing) return
    if (this.#socket.writableEnded) this.#finish()
    else this.#socket.destroy()
  }

  /** Ends both sides: with the close code between two frames, or without one when no frame ends within 100 ms. */
  cut(code: number): void {
    if (this.#cutCode !== null || this.#closing) return
    this.#cutCode = code
    this.#socket.pause()
    if (this.#follower.between) {
      this.#sayClose()
      return
    }
    this.#upstream.resume()
    this.#timer = setTimeout(() => {
      this.#upstream.destroy()
      this.#socket.destroy()
    }, limits.frameEndMs)
  }

  #fromClient(chunk: Buffer): void {
    if (this.#cutCode !== null || this.#closing) return
    this.#onprogress()
    this.bytesIn += chunk.length
    if (!this.#upstream.writeBody(chunk)) this.#socket.pause()
  }

  #sayClose(): void {
    clearTimeout(this.#timer)
    this.#socket.end(closeFrame(this.#cutCode as number))
    this.#finish()
    this.#upstream.destroy()
  }

  #finish(): void {
    this.#closing = true
    clearTimeout(this.#timer)
    // Reading on reveals the client's end; a client that does not close is cut.
    this.#socket.resume()
    this.#timer = setTimeout(() => this.#socket.destroy(), limits.closeMs)
  }
}

/**
 * Follows the frame boundaries of one direction of a WebSocket (RFC 6455 section 5.2) without keeping payload, so
 * that a close frame can be put between two frames.
 */
class FrameFollower {
  #left = 0
  #head: number[] = []

  /** The last byte seen ended a frame, or none has begun. */
  get between(): boolean {
    return this.#left === 0 && this.#head.length === 0
  }

  /** Takes the next bytes. With `stop`, returns how many of them lead up to the next boundary, or -1 when none does. */
  follow(chunk: Buffer, stop: boolean): number {
    let at = 0
    while (at < chunk.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, chunk.length - at)
        this.#left -= step
        at += step
      } else {
        this.#head.push(chunk[at++] as number)
        const size = frameSize(this.#head)
        if (size < 0) continue
        this.#head = []
        this.#left = size
      }
      if (stop && this.between) return at
    }
    return -1
  }
}

/** Bytes that follow a complete frame head; -1 while the head is incomplete. */
function frameSize(head: readonly number[]): number {
  const second = head[1]
  if (second === undefined) return -1
  const short = second & 0x7f
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0
  if (head.length < 2 + lengthBytes) return -1
  let size = lengthBytes === 0 ? short : 0
  for (let i = 0; i < lengthBytes; i++) size = size * 256 + (head[2 + i] as number)
  return size + (second & 0x80 ? 4 : 0)
}

/** An unmasked close frame with a status code and no text. */
function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 2, code >> 8, code & 0xff])
}
