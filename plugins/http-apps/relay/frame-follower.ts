/**
 * Follows the frame boundaries of one direction of a WebSocket (RFC 6455 section 5.2) without keeping payload, so
 * that a close frame can be put between two frames.
 */
export class FrameFollower {
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
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 2, code >> 8, code & 0xff])
}
