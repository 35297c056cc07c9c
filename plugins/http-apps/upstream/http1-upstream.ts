import { type App, messageOf } from '@mezite/core'
import type { Pipe } from '@mezite/core/protocol'
import { ResponseParser } from './response-parser.ts'
import type { RequestHead, Upstream, UpstreamUser } from './upstream.ts'
import { connectionGone, type UpstreamFailure } from './upstream-failure.ts'

/** The first byte of the TLS record that answers a request without TLS (RFC 8446 section 5.1). */
const TLS_ALERT = 0x15

/**
 * An HTTP/1.1 connection to an app over a pipe, one request at a time. The tunnel's callbacks are set once, so a
 * request costs no closure. Its pool takes it back after a clean exchange and is notified when it is over.
 */
export class Http1Upstream implements Upstream {
  readonly version = '1.1'
  readonly app: App
  readonly sessionKey: string
  readonly pipe: Pipe
  readonly #parser: ResponseParser
  #user: UpstreamUser | null = null
  #gone = false
  #ended = false
  #framing: 'plain' | 'chunked' | 'raw' = 'plain'
  /** The whole request has been written. */
  #sent = false
  reused = false
  idleSince = 0
  ongone: (upstream: Upstream) => void = () => {}

  constructor(pipe: Pipe, app: App, sessionKey: string) {
    this.pipe = pipe
    this.app = app
    this.sessionKey = sessionKey
    this.#parser = new ResponseParser({
      oninformational: (status, lines) => this.#user?.oninformational(status, lines),
      onhead: (head) => this.#user?.onhead(head),
      onbody: (chunk, last) => this.#user?.onbody(chunk, last),
      onend: (trailers) => this.#user?.onend(trailers),
    })
    pipe.ondata = (chunk) => this.#ondata(chunk)
    pipe.onend = () => this.#onend()
    pipe.ondrain = () => this.#user?.ondrain()
    pipe.onclose = (error) => this.#onclose(error)
  }

  get agent(): string {
    return this.pipe.agent
  }

  get gone(): boolean {
    return this.#gone
  }

  get going(): boolean {
    return this.pipe.isGoing?.() === true
  }

  get responding(): boolean {
    return this.#parser.started
  }

  get reusable(): boolean {
    return !this.#gone && !this.#ended && this.#sent && this.#parser.over && this.#parser.reusable
  }

  begin(user: UpstreamUser, { method, upgrade }: RequestHead): void {
    this.#user = user
    this.#sent = false
    this.#parser.begin({ head: method === 'HEAD', upgrade })
  }

  send(head: RequestHead): void {
    this.#framing = head.upgrade ? 'raw' : head.length === null ? 'chunked' : 'plain'
    this.#sent = head.length === undefined
    this.#write(headBytes(head))
  }

  writeBody(chunk: Buffer): boolean {
    return this.#write(this.#framing === 'chunked' ? framed(chunk) : chunk)
  }

  endBody(trailers: readonly string[]): void {
    if (this.#framing === 'chunked') this.#write(Buffer.from(`0\r\n${linesText(trailers)}\r\n`, 'latin1'))
    else if (this.#framing === 'raw' && !this.#gone) this.pipe.end()
    this.#sent = true
  }

  leave(): void {
    this.#user = null
  }

  pause(): void {
    if (!this.#gone) this.pipe.pause()
  }

  resume(): void {
    if (!this.#gone) this.pipe.resume()
  }

  destroy(): void {
    if (this.#gone) return
    this.#gone = true
    this.#user = null
    this.pipe.destroy()
    this.ongone(this)
  }

  #write(chunk: Buffer): boolean {
    return this.#gone || this.pipe.write(chunk)
  }

  #ondata(chunk: Buffer): void {
    if (this.#gone) return
    if (this.#user === null) {
      this.destroy()
      return
    }
    const speaksTls = !this.#parser.started && chunk[0] === TLS_ALERT && chunk[1] === 3
    try {
      if (speaksTls) throw new Error('http:// to a port that speaks TLS; set uri of the app to https://')
      this.#parser.execute(chunk)
    } catch (error) {
      this.#fail({ broken: true, linkLost: false, detail: messageOf(error) })
    }
  }

  #onend(): void {
    this.#ended = true
    if (this.#gone) return
    if (this.#user === null) {
      this.destroy()
      return
    }
    try {
      this.#parser.finish()
    } catch (error) {
      this.#fail({ broken: false, linkLost: false, detail: messageOf(error) })
    }
  }

  #onclose(error: Error | null): void {
    if (this.#gone) return
    this.#fail(connectionGone(error))
  }

  #fail(failure: UpstreamFailure): void {
    const user = this.#user
    this.destroy()
    user?.onfail(failure)
  }
}

/** The identity is copied as it is, and all that follows it is one text. */
function headBytes({ method, target, host, first, requestId, lines, length, upgrade }: RequestHead): Buffer {
  const framing = upgrade
    ? 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
    : length === null
      ? 'Transfer-Encoding: chunked\r\n'
      : length === undefined
        ? ''
        : `Content-Length: ${length}\r\n`
  const begin = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n`
  const rest = linesText(lines, `X-Request-Id: ${requestId}\r\n`, `${framing}\r\n`)
  const { bytes: identity } = first
  const bytes = Buffer.allocUnsafe(begin.length + identity.length + rest.length)
  bytes.write(begin, 'latin1')
  bytes.set(identity, begin.length)
  bytes.write(rest, begin.length + identity.length, 'latin1')
  return bytes
}

/** Header lines in the form of HTTP/1.1, between two other texts. */
export function linesText(lines: readonly string[], before = '', after = ''): string {
  // Joined at once: text that grows line by line takes twice the memory.
  const parts = new Array<string>(lines.length * 2 + 2)
  parts[0] = before
  for (let i = 0; i + 1 < lines.length; i += 2) {
    parts[2 * i + 1] = lines[i] as string
    parts[2 * i + 2] = ': '
    parts[2 * i + 3] = lines[i + 1] as string
    parts[2 * i + 4] = '\r\n'
  }
  parts[lines.length * 2 + 1] = after
  return parts.join('')
}

/** A chunk in the framing of this connection (RFC 9112 section 7.1): extensions of the browser's chunks do not pass. */
function framed(chunk: Buffer): Buffer {
  const size = chunk.length.toString(16)
  const bytes = Buffer.allocUnsafe(size.length + chunk.length + 4)
  bytes.write(`${size}\r\n`, 0, 'latin1')
  chunk.copy(bytes, size.length + 2)
  bytes.write('\r\n', size.length + 2 + chunk.length, 'latin1')
  return bytes
}
