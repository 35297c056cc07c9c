import { takeHeaderLine } from '@mezite/core/protocol'
import { limits } from '../limits.ts'

/** Head of a final response. */
export interface ResponseHead {
  readonly status: number
  readonly reason: string
  /** Name and value in turn, as received. */
  readonly lines: readonly string[]
  /** Bytes of the body; null: chunked; undefined: until the app closes. */
  readonly length: number | null | undefined
  readonly hasBody: boolean
  /** Bytes of the body came along with the head: `onbody` follows at once. */
  readonly bodyFollows: boolean
}

/** Events of the parser. `onbody` with `last` is followed by `onend` at once. */
export interface ResponseEvents {
  oninformational(status: number, lines: readonly string[]): void
  onhead(head: ResponseHead): void
  onbody(chunk: Buffer, last: boolean): void
  onend(trailers: readonly string[]): void
}

/** The app broke HTTP; the message says how. */
export class ResponseError extends Error {}

const STATUS = /^HTTP\/1\.([01]) ([1-5][0-9][0-9])(?: (.*))?$/
/** For text whose line ends are already removed, so any CR or LF is a bare one. */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/
/** RFC 9112 section 7.1.1, without the optional space, which readers interpret differently. */
const SIZE =
  /^([0-9A-Fa-f]{1,13})(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*$/
/** RFC 9112 section 6.1. Some readers take a tab for part of the name, so it is refused. */
const CHUNKED = /^transfer-encoding: *chunked *$/i
const LENGTH = /^[0-9]{1,15}$/

/** A status line that has been read. */
interface StatusLine {
  readonly line: string
  readonly minor: string
  readonly status: number
  readonly reason: string
}

/** The one before: mostly the next one is the same. */
let latest: StatusLine = readStatus('HTTP/1.1 200 OK')

function readStatus(line: string): StatusLine {
  const [, minor = '', code, reason = ''] = STATUS.exec(line) ?? []
  if (code === undefined || CONTROL.test(reason))
    throw new ResponseError('the status line of the response is malformed')
  return { line, minor, status: Number(code), reason }
}

const MALFORMED_LINE = 'a header line of the response is malformed'

type State = 'head' | 'length' | 'size' | 'data' | 'data-end' | 'trailers' | 'close' | 'raw' | 'over'

/**
 * Reads the responses on one pipe, strictly (RFC 9112): throws `ResponseError` for anything ambiguous, after which the
 * pipe must be closed. Does not keep bodies. Call `begin` once for each request.
 */
export class ResponseParser {
  readonly #events: ResponseEvents
  #state: State = 'over'
  #held: Buffer | null = null
  #left = 0
  #informational = 0
  #headRequest = false
  #upgrade = false
  #trailers: string[] = []
  #trailerBytes = 0
  /** The pipe may carry another request once the response is complete. */
  reusable = true
  /** A byte of the response has arrived. */
  started = false

  constructor(events: ResponseEvents) {
    this.#events = events
  }

  get over(): boolean {
    return this.#state === 'over'
  }

  begin(options: { readonly head: boolean; readonly upgrade: boolean }): void {
    this.#state = 'head'
    this.#headRequest = options.head
    this.#upgrade = options.upgrade
    this.#informational = 0
    this.#trailers = []
    this.#trailerBytes = 0
    this.started = false
  }

  execute(chunk: Buffer): void {
    this.started = true
    let rest: Buffer | null = chunk
    while (rest !== null && rest.length > 0) rest = this.#step(rest)
  }

  /** The app has closed cleanly, which ends a response without a length and breaks any other. */
  finish(): void {
    if (this.#state === 'over') return
    if (this.#state !== 'close' && this.#state !== 'raw')
      throw new ResponseError(
        this.started
          ? 'the app closed the connection in the middle of its response'
          : 'the app closed the connection without a response',
      )
    this.#end()
  }

  #step(rest: Buffer): Buffer | null {
    switch (this.#state) {
      case 'head':
        return this.#readHead(rest)
      case 'length':
        return this.#readLength(rest)
      case 'data':
        return this.#readData(rest)
      case 'size':
      case 'data-end':
      case 'trailers':
        return this.#readLine(rest)
      case 'close':
      case 'raw':
        this.#events.onbody(rest, false)
        return null
      case 'over':
        this.reusable = false
        return null
    }
  }

  #readHead(rest: Buffer): Buffer | null {
    const bytes = this.#join(rest)
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0 ? bytes.length > limits.responseHeadBytes : end > limits.responseHeadBytes)
      throw new ResponseError('the head of the response is too long')
    if (end < 0) {
      this.#held = bytes
      return null
    }
    this.#takeHead(bytes.toString('latin1', 0, end), bytes.length - end - 4)
    return bytes.subarray(end + 4)
  }

  #takeHead(text: string, following: number): void {
    const endOfStatus = text.indexOf('\r\n')
    const statusLine = endOfStatus < 0 ? text : text.slice(0, endOfStatus)
    if (statusLine !== latest.line) latest = readStatus(statusLine)
    const { minor, status, reason } = latest
    const lines: string[] = []
    let length: string | undefined
    let coding: string | undefined
    let close = minor === '0'
    for (let at = statusLine.length + 2, next = at; at < text.length; at = next) {
      next = takeHeaderLine(text, at, lines)
      if (next < 0) throw new ResponseError(MALFORMED_LINE)
      if (lines.length >= limits.responseLines * 2)
        throw new ResponseError('the response has too many header lines')
      const name = lines[lines.length - 2] as string
      if (name.length !== 10 && name.length !== 14 && name.length !== 17) continue
      const value = lines[lines.length - 1] as string
      const lower = name.toLowerCase()
      if (lower === 'content-length') {
        if (length !== undefined || !LENGTH.test(value))
          throw new ResponseError('the response has an invalid length')
        length = value
      } else if (lower === 'transfer-encoding') {
        if (coding !== undefined || !CHUNKED.test(text.slice(at, next - 2)) || minor === '0')
          throw new ResponseError('the response has an unknown transfer coding')
        coding = value
      } else if (lower === 'connection' && /(?:^|[ \t,])close(?:$|[ \t,])/i.test(value)) close = true
    }
    if (length !== undefined && coding !== undefined)
      throw new ResponseError('the response has both a length and a transfer coding')
    if (status < 200 && status !== 101) {
      this.#inform(status, lines)
      return
    }
    if (status === 101 && !this.#upgrade)
      throw new ResponseError('the app switched protocols without a request for it')
    const hasBody = !(this.#headRequest || status === 204 || status === 304 || status === 101)
    const size = coding !== undefined ? null : length === undefined ? undefined : Number(length)
    if (hasBody && typeof size === 'number' && following > size)
      throw new ResponseError('bytes follow the end of the response')
    this.reusable = !close && !(hasBody && size === undefined)
    if (status === 204 && (size === null || (size ?? 0) > 0)) this.reusable = false
    if (!hasBody && following > 0) this.reusable = false
    this.#state = status === 101 ? 'raw' : !hasBody ? 'over' : size === null ? 'size' : 'length'
    if (hasBody && size === undefined) this.#state = 'close'
    this.#left = size ?? 0
    const bodyFollows = hasBody && typeof size === 'number' && size > 0 && following > 0
    this.#events.onhead({ status, reason, lines, length: size, hasBody, bodyFollows })
    const empty = this.#state === 'length' && this.#left === 0
    if (!hasBody && status !== 101) this.#events.onend([])
    else if (empty) this.#end()
  }

  #inform(status: number, lines: readonly string[]): void {
    if (++this.#informational > limits.informational)
      throw new ResponseError('the app sent too many interim responses')
    this.#events.oninformational(status, lines)
  }

  #readLength(rest: Buffer): Buffer | null {
    const last = rest.length >= this.#left
    const chunk = rest.length > this.#left ? rest.subarray(0, this.#left) : rest
    this.#left -= chunk.length
    if (last) {
      this.#state = 'over'
      if (rest.length > chunk.length) this.reusable = false
    }
    this.#events.onbody(chunk, last)
    if (last) this.#events.onend([])
    return null
  }

  #readData(rest: Buffer): Buffer {
    const chunk = rest.length > this.#left ? rest.subarray(0, this.#left) : rest
    this.#left -= chunk.length
    if (this.#left === 0) this.#state = 'data-end'
    this.#events.onbody(chunk, false)
    return rest.subarray(chunk.length)
  }

  #readLine(rest: Buffer): Buffer | null {
    const bytes = this.#join(rest)
    const end = bytes.indexOf('\n')
    const size = end < 0 ? bytes.length : end
    if (size > (this.#state === 'trailers' ? limits.trailerBytes : limits.chunkLineBytes))
      throw new ResponseError('a chunk of the response is malformed')
    if (end < 0) {
      if (this.#state === 'data-end' && bytes.length > 1) throw new ResponseError('a chunk does not end')
      this.#held = bytes
      return null
    }
    const line = bytes.toString('latin1', 0, end + 1)
    if (!line.endsWith('\r\n') || CONTROL.test(line.slice(0, -2)))
      throw new ResponseError('a chunk line is malformed')
    const ends = this.#state === 'trailers' && line === '\r\n'
    if (ends && bytes.length > end + 1) this.reusable = false
    this.#takeLine(line.slice(0, -2))
    return bytes.subarray(end + 1)
  }

  #takeLine(line: string): void {
    if (this.#state === 'data-end') {
      if (line !== '') throw new ResponseError('a chunk is longer than its declared size')
      this.#state = 'size'
      return
    }
    if (this.#state === 'trailers') {
      if (line === '') {
        this.#end()
        return
      }
      this.#trailerBytes += line.length
      if (this.#trailerBytes > limits.trailerBytes) throw new ResponseError('the trailers are too long')
      if (takeHeaderLine(line, 0, this.#trailers) < 0) throw new ResponseError(MALFORMED_LINE)
      return
    }
    const [, digits] = SIZE.exec(line) ?? []
    if (digits === undefined) throw new ResponseError('a chunk size is malformed')
    this.#left = Number.parseInt(digits, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'data'
  }

  #end(): void {
    this.#state = 'over'
    this.#events.onend(this.#trailers)
  }

  #join(rest: Buffer): Buffer {
    const bytes = this.#held === null ? rest : Buffer.concat([this.#held, rest])
    this.#held = null
    return bytes
  }
}
