import type { Duplex } from 'node:stream'
import { limits } from '../limits.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { closeFrame, FrameFollower } from './frame-follower.ts'

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
