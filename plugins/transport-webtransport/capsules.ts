/**
 * The capsules (RFC 9297 section 3.2) of WebTransport over HTTP/2 (draft-ietf-webtrans-http2) that a session with one
 * stream needs. Nothing here throws, whatever the bytes are.
 */

const RESET_STREAM = 0x190b4d39
const STOP_SENDING = 0x190b4d3a
const STREAM = 0x190b4d3b
const STREAM_FIN = 0x190b4d3c
const MAX_DATA = 0x190b4d3d
const MAX_STREAM_DATA = 0x190b4d3e
const CLOSE_SESSION = 0x2843

/** The longest head: type, length and stream id, of 8 bytes each. */
const HEAD_BYTES = 24
/** The longest body of a capsule that is not data of the stream. Two numbers take 16; padding and close reasons more. */
const OTHER_BYTES = 64 * 1024
const NUMBERS_BYTES = 16
const EMPTY = Buffer.alloc(0)

export interface CapsuleEvents {
  /** Data of the stream; the first call, which may have no bytes, opens it. Returns false if the id is not acceptable. */
  data(streamId: number, bytes: Buffer): boolean
  /** The peer has ended the stream. */
  end(): void
  /** The peer accepts this many bytes in all, of the session or of the stream. */
  limit(of: 'session' | 'stream', bytes: number): void
  /** The session is over, because the peer closed it or sent bytes that are not capsules. Called at most once, last. */
  over(): void
}

/** Reads capsules from chunks of any size; keeps only heads, never data. */
export class CapsuleReader {
  readonly #events: CapsuleEvents
  /** The beginning of a capsule that is not complete. */
  #held: Buffer = EMPTY
  #bodyLeft = 0
  /** Where the rest of the body belongs: to this stream, or nowhere. */
  #streamId: number | null = null
  #fin = false
  #over = false

  constructor(events: CapsuleEvents) {
    this.#events = events
  }

  read(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = EMPTY
    while (bytes.length > 0 && !this.#over) {
      if (this.#bodyLeft > 0) {
        const body = bytes.subarray(0, this.#bodyLeft)
        bytes = bytes.subarray(body.length)
        this.#bodyLeft -= body.length
        if (this.#streamId !== null) this.#data(this.#streamId, body)
        continue
      }
      const taken = this.#begin(bytes)
      if (taken === 0) {
        this.#held = Buffer.from(bytes)
        return
      }
      bytes = bytes.subarray(taken)
    }
  }

  /** Reads the head of a capsule, and all of a short one; returns the bytes that it took, 0 if more are needed. */
  #begin(bytes: Buffer): number {
    const type = readNumber(bytes, 0)
    const length = type && readNumber(bytes, type.end)
    if (!length) return 0
    const end = length.end + length.value
    switch (type.value) {
      case STREAM:
      case STREAM_FIN: {
        const id = readNumber(bytes, length.end)
        if (!id) return length.value > 0 ? 0 : this.#stop()
        if (id.end > end) return this.#stop()
        this.#bodyLeft = end - id.end
        this.#streamId = id.value
        this.#fin = type.value === STREAM_FIN
        this.#data(id.value, EMPTY)
        return id.end
      }
      case MAX_DATA:
      case MAX_STREAM_DATA: {
        if (length.value > NUMBERS_BYTES) return this.#stop()
        if (bytes.length < end) return 0
        const first = readNumber(bytes, length.end)
        const isStream = type.value === MAX_STREAM_DATA
        const limit = first && isStream ? readNumber(bytes, first.end) : first
        if (!limit || limit.end > end) return this.#stop()
        this.#events.limit(isStream ? 'stream' : 'session', limit.value)
        return end
      }
      case RESET_STREAM:
      case STOP_SENDING:
      case CLOSE_SESSION:
        return this.#stop()
      default:
        // Unknown capsules are ignored (RFC 9297 section 3.2).
        if (length.value > OTHER_BYTES) return this.#stop()
        this.#bodyLeft = length.value
        this.#streamId = null
        return length.end
    }
  }

  #data(id: number, body: Buffer): void {
    if (!this.#events.data(id, body)) this.#stop()
    else if (this.#fin && this.#bodyLeft === 0) {
      this.#over = true
      this.#events.end()
    }
  }

  #stop(): number {
    this.#bodyLeft = 0
    if (!this.#over) {
      this.#over = true
      this.#events.over()
    }
    return HEAD_BYTES
  }
}

/** The head of a capsule with data of a stream. */
export function streamHead(id: number, bytes: number, fin = false): Buffer {
  const idBytes = writeNumber(id)
  return Buffer.concat([writeNumber(fin ? STREAM_FIN : STREAM), writeNumber(idBytes.length + bytes), idBytes])
}

/** Lets the peer send this many bytes in all, in the session and on its one stream. */
export function limitCapsules(id: number, bytes: number): Buffer {
  const [idBytes, limit] = [writeNumber(id), writeNumber(bytes)]
  return Buffer.concat([
    ...[writeNumber(MAX_DATA), writeNumber(limit.length), limit],
    ...[writeNumber(MAX_STREAM_DATA), writeNumber(idBytes.length + limit.length), idBytes, limit],
  ])
}

/** A variable-length integer (RFC 9000 section 16); null if it is not complete. Values above 2^53 lose precision. */
function readNumber(bytes: Buffer, at: number): { readonly value: number; readonly end: number } | null {
  const first = bytes[at]
  if (first === undefined) return null
  const end = at + (1 << (first >> 6))
  if (bytes.length < end) return null
  let value = first & 0x3f
  for (let i = at + 1; i < end; i++) value = value * 256 + (bytes[i] as number)
  return { value, end }
}

function writeNumber(value: number): Buffer {
  if (value < 64) return Buffer.from([value])
  if (value < 16_384) return Buffer.from([0x40 | (value >> 8), value & 0xff])
  const bytes = Buffer.alloc(value < 2 ** 30 ? 4 : 8)
  if (bytes.length === 4) bytes.writeUInt32BE(value)
  else bytes.writeBigUInt64BE(BigInt(value))
  bytes[0] = (bytes[0] as number) | (bytes.length === 4 ? 0x80 : 0xc0)
  return bytes
}
