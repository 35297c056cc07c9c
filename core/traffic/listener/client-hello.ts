/** The unencrypted contents of a TLS client's first flight. */
export interface ClientHello {
  /** Lower case, without a trailing dot; null when the client sent none. */
  readonly serverName: string | null
  /** Protocol names in the client's order; empty when the client sent none. */
  readonly alpn: readonly string[]
}

export type HelloResult =
  /** At least `need` bytes in total are required. */
  | { readonly kind: 'more'; readonly need: number }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'hello'; readonly hello: ClientHello }

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const MAX_RECORD = 2 ** 14
/** Real clients send one record, some a few. */
const MOST_RECORDS = 16
const RECORD_HEADER = 5
const MESSAGE_HEADER = 4
const SERVER_NAME = 0
const ALPN = 16

/**
 * Reads a ClientHello (RFC 8446, 4.1.2; RFC 6066, 3; RFC 7301, 3.1) from the start of a connection, over a few records
 * and at most `maxBytes` in total. Stricter than OpenSSL: anything unusual is `invalid`. A caller that waits for `need`
 * bytes calls it at most about forty times. Never throws.
 */
export function readClientHello(bytes: Buffer, maxBytes = Number.POSITIVE_INFINITY): HelloResult {
  const message = joinRecords(bytes, maxBytes)
  if (!Buffer.isBuffer(message)) return message
  try {
    return { kind: 'hello', hello: readBody(new Reader(message.subarray(MESSAGE_HEADER))) }
  } catch (error) {
    return invalid(error instanceof Malformed ? error.message : 'unreadable')
  }
}

/** The handshake message in the leading records once it is complete. */
function joinRecords(bytes: Buffer, maxBytes: number): Buffer | HelloResult {
  const parts: Buffer[] = []
  let have = 0
  /** Length of the message, once its header has arrived. */
  let whole: number | null = null
  let at = 0
  while (parts.length < MOST_RECORDS) {
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return invalid('not TLS')
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return invalid('not TLS')
    const start = at + RECORD_HEADER
    if (start > bytes.length) return { kind: 'more', need: start }
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0 || length > MAX_RECORD) return invalid('bad record length')
    at = start + length
    const part = bytes.subarray(start, at)
    if (have === 0 && part.length > 0 && part[0] !== CLIENT_HELLO) {
      return invalid('the first message is not a ClientHello')
    }
    parts.push(part)
    have += part.length
    if (whole === null && have >= MESSAGE_HEADER) {
      whole = MESSAGE_HEADER + Buffer.concat(parts, MESSAGE_HEADER).readUIntBE(1, 3)
      if (parts.length * RECORD_HEADER + whole > maxBytes) return invalid('ClientHello too long')
    }
    if (whole !== null && have > whole) return invalid('bytes after the ClientHello')
    // Joined only once, because joining at each record would have quadratic cost.
    if (have === whole) return Buffer.concat(parts)
    if (at > bytes.length) {
      // Check the declared length of the message before waiting for the rest of a record.
      const header = bytes.length + MESSAGE_HEADER - have
      return { kind: 'more', need: whole === null ? Math.min(at, header) : at }
    }
  }
  return invalid('ClientHello in too many records')
}

function readBody(reader: Reader): ClientHello {
  reader.take(2 + 32)
  if (reader.vector(1).length > 32) throw new Malformed('session id too long')
  const suites = reader.vector(2).length
  if (suites === 0 || suites % 2 !== 0) throw new Malformed('bad cipher suites')
  if (reader.vector(1).length === 0) throw new Malformed('no compression methods')
  let serverName: string | null = null
  let alpn: readonly string[] = []
  if (reader.left === 0) return { serverName, alpn }
  const extensions = new Reader(reader.vector(2))
  if (reader.left > 0) throw new Malformed('bytes after the extensions')
  const seen = new Set<number>()
  while (extensions.left > 0) {
    const type = extensions.uint(2)
    const data = new Reader(extensions.vector(2))
    if (seen.has(type)) throw new Malformed('an extension twice')
    seen.add(type)
    if (type === SERVER_NAME) serverName = readServerName(data)
    if (type === ALPN) alpn = readAlpn(data)
  }
  return { serverName, alpn }
}

function readServerName(data: Reader): string {
  const list = new Reader(data.vector(2))
  if (data.left > 0 || list.uint(1) !== 0) throw new Malformed('bad server name')
  const name = list.vector(2).toString('latin1').toLowerCase()
  if (list.left > 0) throw new Malformed('several server names')
  if (name.length > 253 || !/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(name)) {
    throw new Malformed('bad server name')
  }
  return name
}

function readAlpn(data: Reader): readonly string[] {
  const list = new Reader(data.vector(2))
  if (data.left > 0 || list.left === 0) throw new Malformed('bad ALPN')
  const names: string[] = []
  while (list.left > 0) {
    const name = list.vector(1)
    if (name.length === 0) throw new Malformed('empty ALPN name')
    names.push(name.toString('latin1'))
  }
  return names
}

class Malformed extends Error {}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  take(length: number): Buffer {
    if (length > this.left) throw new Malformed('a length passes the end')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  uint(size: number): number {
    return this.take(size).readUIntBE(0, size)
  }

  /** Reads a length of `size` bytes and the bytes that follow it. */
  vector(size: number): Buffer {
    return this.take(this.uint(size))
  }
}

function invalid(reason: string): HelloResult {
  return { kind: 'invalid', reason }
}
