/** An HTTP/2 client that obeys nothing: frames by hand, header blocks as plain literals (RFC 7541 section 6.2.2). */
import type { TLSSocket } from 'node:tls'

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9
export const END_STREAM = 1
export const END_HEADERS = 4

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export type Fields = readonly (readonly [name: string, value: string])[]

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const DEADLINE_MS = 60_000

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), uint32(value)])
}

/** Literals without indexing, without Huffman coding; whatever bytes the text has in latin1. */
export function block(fields: Fields): Buffer {
  const parts: Buffer[] = []
  for (const [name, value] of fields) parts.push(Buffer.from([0]), text(name), text(value))
  return Buffer.concat(parts)
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length, 7), bytes])
}

/** RFC 7541 section 5.1. */
export function integer(value: number, bits: number): Buffer {
  const most = 2 ** bits - 1
  if (value < most) return Buffer.from([value])
  const bytes = [most]
  let rest = value - most
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** The client's side of one connection. Asks for no header compression, so that statuses can be read. */
export class RawHttp2 {
  readonly socket: TLSSocket
  readonly frames: Frame[] = []
  readonly #closed: Promise<unknown>
  #rest = Buffer.alloc(0)
  #wake = () => {}

  constructor(socket: TLSSocket, settings: Buffer = Buffer.alloc(0)) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#closed = new Promise<void>((resolve) => socket.once('close', () => resolve())).then(() =>
      this.#wake(),
    )
    socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, Buffer.concat([setting(1, 0), settings]))]))
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** A request head, with END_STREAM unless a body follows. */
  request(stream: number, fields: Fields, end = true): void {
    this.send(frame(HEADERS, END_HEADERS | (end ? END_STREAM : 0), stream, block(fields)))
  }

  /** Resolves with the first frame that fits, also one that has come before. */
  async until(fits: (frame: Frame) => boolean, what = 'a frame'): Promise<Frame> {
    const end = performance.now() + DEADLINE_MS
    for (;;) {
      const found = this.frames.find(fits)
      if (found !== undefined) return found
      if (this.socket.closed) throw new Error(`closed before ${what}; ${this.#summary()}`)
      const left = end - performance.now()
      if (left <= 0) throw new Error(`no ${what}; ${this.#summary()}`)
      await this.#change(left)
    }
  }

  async status(stream: number): Promise<number> {
    const head = await this.until(
      ({ type, stream: of }) => of === stream && (type === HEADERS || type === RST_STREAM),
      `an answer on ${stream}`,
    )
    return head.type === HEADERS ? statusOf(head.payload) : -head.payload.readUInt32BE(0)
  }

  /** Resolves with the code of the reset of a stream. */
  async reset(stream: number): Promise<number> {
    const found = await this.until(
      ({ type, stream: of }) => type === RST_STREAM && of === stream,
      `a reset of ${stream}`,
    )
    return found.payload.readUInt32BE(0)
  }

  /** What has come as body of an answer, and whether it ended well. */
  body(stream: number): { readonly text: string; readonly ended: boolean } {
    const mine = this.frames.filter((one) => one.stream === stream)
    const chunks = mine.filter(({ type }) => type === DATA).map(({ payload }) => payload)
    const ended = mine.some(({ type, flags }) => type <= HEADERS && (flags & END_STREAM) !== 0)
    return { text: Buffer.concat(chunks).toString('latin1'), ended }
  }

  /** Resolves when the connection is over, with the code of GOAWAY; null when there was none. */
  async ended(): Promise<number | null> {
    await this.#closed
    const goaway = this.frames.findLast(({ type }) => type === GOAWAY)
    return goaway?.payload.readUInt32BE(4) ?? null
  }

  /** A round trip: everything sent before has been read. */
  async ping(): Promise<void> {
    const payload = Buffer.from(`${Math.random()}`.slice(0, 8).padEnd(8, '0'))
    this.send(frame(PING, 0, 0, payload))
    await this.until((one) => one.type === PING && one.flags === 1 && one.payload.equals(payload), 'a pong')
  }

  #change(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3)
      const one = {
        type: bytes[3] as number,
        flags: bytes[4] as number,
        stream: bytes.readUInt32BE(5),
        payload: bytes.subarray(9, end),
      }
      this.frames.push(one)
      if (one.type === SETTINGS && one.flags === 0) this.send(frame(SETTINGS, 1, 0))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
    this.#wake()
  }

  #summary(): string {
    return this.frames.map(({ type, flags, stream }) => `${type}/${flags}@${stream}`).join(' ')
  }
}

const STATIC_STATUS = [200, 204, 206, 304, 400, 404, 500]

/** `:status`, which comes first, out of a header block that was made without a dynamic table. */
export function statusOf(payload: Buffer): number {
  let at = 0
  while (((payload[at] as number) & 0xe0) === 0x20) at++
  const first = payload[at] as number
  if (first >= 0x80) return STATIC_STATUS[(first & 0x7f) - 8] as number
  const length = payload[at + 1] as number
  const value = payload.subarray(at + 2, at + 2 + (length & 0x7f))
  if (length < 0x80) return Number(value.toString('latin1'))
  // Huffman (RFC 7541 appendix B): 0, 1 and 2 have five bits, the other digits six.
  let bits = [...value].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let digits = ''
  while (digits.length < 3) {
    const five = Number.parseInt(bits.slice(0, 5), 2)
    digits += five < 3 ? five : Number.parseInt(bits.slice(0, 6), 2) - 22
    bits = bits.slice(five < 3 ? 5 : 6)
  }
  return Number(digits)
}
