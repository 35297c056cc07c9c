import { Duplex } from 'node:stream'

export const PATH = '/v1/tunnel/framed-transport'
const HEADER = 4

/** A connection whose bytes are sent in frames: a length of four bytes, then the data. */
export class Framed extends Duplex {
  readonly #socket: Duplex
  #header = Buffer.alloc(0)
  /** Bytes of the current frame that have not arrived yet. */
  #left = 0

  constructor(socket: Duplex) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.once('end', () => this.push(null))
    socket.once('close', () => this.destroy())
    socket.on('error', () => this.destroy())
  }

  #take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) {
        const end = at + HEADER - this.#header.length
        this.#header = Buffer.concat([this.#header, chunk.subarray(at, end)])
        at = Math.min(end, chunk.length)
        if (this.#header.length < HEADER) return
        this.#left = this.#header.readUInt32BE()
        this.#header = Buffer.alloc(0)
      }
      const piece = chunk.subarray(at, at + this.#left)
      at += piece.length
      this.#left -= piece.length
      if (piece.length > 0 && !this.push(piece)) this.#socket.pause()
    }
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const header = Buffer.alloc(HEADER)
    header.writeUInt32BE(chunk.length)
    this.#socket.cork()
    this.#socket.write(header)
    this.#socket.write(chunk, done)
    this.#socket.uncork()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.end(() => this.#socket.destroy())
    done(error)
  }
}
