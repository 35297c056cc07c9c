import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type EndReason, Problem } from '@mezite/core'
import { type Admitted, stillAllowed } from './admit.ts'
import { problemAnswer, sendAnswer } from './answer.ts'
import { answerLines, answerTrailers } from './answer-lines.ts'
import type { AnswerHead } from './answer-parser.ts'
import type { Waiting } from './deadlines.ts'
import { isForbiddenTrailer } from './header-names.ts'
import { limits } from './limits.ts'
import { type AppNames, namesOf } from './location.ts'
import { openUpstream } from './open-upstream.ts'
import type { Parts } from './parts.ts'
import { requestHead } from './request-head.ts'
import type { Upstream, UpstreamFailure, UpstreamUser } from './upstream.ts'
import { acceptsWebSocket } from './web-socket-accept.ts'
import { WebSocketRelay } from './web-socket-relay.ts'

/** The browser's side of one request. */
export interface Client {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  /** Set for an upgrade: the bare connection, and what came on it already. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | null
  /** The hub is shutting down: connections are not kept. */
  readonly draining: () => boolean
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])
const REVOKED = 4401
const GOING_AWAY = 1001

/**
 * One admitted request: finds a connection, relays both ways with back-pressure, and records the outcome once.
 * A request whose bytes have left is never sent twice, except one without a body whose repetition changes nothing
 * and of which no byte of an answer came.
 */
export class HttpExchange implements UpstreamUser, Waiting {
  readonly #parts: Parts
  readonly #admitted: Admitted
  readonly #client: Client
  readonly #names: AppNames
  readonly #started = performance.now()
  readonly #onover: (exchange: HttpExchange) => void
  readonly #avoid = new Set<string>()
  #head: string | null = null
  #upstream: Upstream | null = null
  #relay: WebSocketRelay | null = null
  #agent: string | null = null
  #removeLive: (() => void) | null = null
  #attempts = 0
  #bodyRead = false
  #answering = false
  #answered = false
  #ended = false
  #over = false
  #drainHeard = false
  #status: number | null = null
  #reason: string | null = null
  #bytesIn = 0
  #bytesOut = 0
  deadline = Number.POSITIVE_INFINITY

  constructor(parts: Parts, admitted: Admitted, client: Client, onover: (exchange: HttpExchange) => void) {
    this.#parts = parts
    this.#admitted = admitted
    this.#client = client
    this.#onover = onover
    this.#names = namesOf(admitted.app, parts.publicNames)
    client.response.once('close', () => this.clientGone())
  }

  start(): void {
    this.#parts.deadlines.add(this)
    this.#open()
  }

  /** The client's connection is gone, or its answer is complete. Called any number of times. */
  clientGone(): void {
    if (this.#over || this.#relay !== null) return
    if (!this.#ended) this.#reason ??= 'client_closed'
    this.#finish()
  }

  /** Access ended: both sides are closed at once. */
  cut(reason: EndReason): void {
    if (this.#over) return
    this.#reason = reason
    if (this.#relay !== null) {
      this.#relay.cut(REVOKED)
      return
    }
    this.#upstream?.destroy()
    this.#destroyClient()
  }

  /** The hub stops and waits no longer. */
  shutDown(): void {
    if (this.#over) return
    this.#reason ??= 'shutdown'
    if (this.#relay !== null) {
      this.#relay.cut(GOING_AWAY)
      return
    }
    this.#upstream?.destroy()
    this.#destroyClient()
  }

  onlate(): void {
    this.deadline = Number.POSITIVE_INFINITY
    if (this.#over) return
    this.#upstream?.destroy()
    if (!this.#answered && this.#relay === null) {
      this.#refuse(new Problem(504, 'app_timeout', `${this.#admitted.app.name} did not answer in time.`))
      return
    }
    this.#reason ??= 'idle'
    this.#destroyClient()
  }

  oninformational(status: number, lines: readonly string[]): void {
    const { response, upgrade } = this.#client
    this.#progress()
    if (upgrade !== null || response.headersSent || this.#admitted.request.http10) return
    try {
      if (status === 102) response.writeProcessing()
      else if (status === 103) response.writeEarlyHints(hintsOf(answerLines(lines, this.#names, false)))
    } catch {
      // Hints that cannot be written are no reason to lose the answer.
    }
  }

  onhead(head: AnswerHead): void {
    this.#progress()
    if (head.status === 101) {
      this.#switch(head)
      return
    }
    this.#answered = true
    this.#status = head.status
    const { response } = this.#client
    const lines = answerLines(head.lines, this.#names, this.#parts.publicNames.hsts === true)
    if (this.#client.draining() || this.#client.upgrade !== null) lines.push('Connection', 'close')
    try {
      response.writeHead(head.status, head.reason, lines)
    } catch {
      this.onfail({ broken: true, linkLost: false, detail: 'the answer cannot be passed on' })
      return
    }
    // An event stream may be silent for minutes: its head must not wait for its body.
    queueMicrotask(() => {
      if (!this.#answering && !this.#ended && !this.#over) response.flushHeaders()
    })
  }

  onbody(chunk: Buffer, last: boolean): void {
    this.#progress()
    if (this.#relay !== null) {
      this.#relay.fromApp(chunk)
      return
    }
    const { response } = this.#client
    this.#answering = true
    this.#bytesOut += chunk.length
    if (last) {
      this.#ended = true
      response.end(chunk)
    } else if (!response.write(chunk)) {
      this.#upstream?.pause()
      if (this.#drainHeard) return
      this.#drainHeard = true
      response.on('drain', () => {
        this.#progress()
        this.#upstream?.resume()
      })
    }
  }

  onend(trailers: readonly string[]): void {
    if (this.#relay !== null) {
      this.#relay.appEnded()
      return
    }
    const { response, message } = this.#client
    const upstream = this.#upstream
    this.#upstream = null
    if (upstream?.reusable) this.#parts.pool.give(upstream)
    else upstream?.destroy()
    const linger = !message.complete && this.#admitted.request.length !== undefined
    if (linger) this.#linger()
    if (this.#ended) return
    this.#ended = true
    const kept = answerTrailers(trailers)
    if (kept.length > 0) response.addTrailers(kept)
    response.end()
  }

  ondrain(): void {
    this.#progress()
    if (this.#relay !== null) this.#relay.appDrained()
    else this.#client.message.resume()
  }

  onfail(failure: UpstreamFailure): void {
    const upstream = this.#upstream
    this.#upstream = null
    if (this.#over || this.#ended) return
    if (this.#relay !== null) {
      this.#relay.appGone()
      return
    }
    upstream?.destroy()
    if (this.#answered) {
      this.#reason ??= failure.broken ? 'answer_invalid' : 'app_reset'
      this.#destroyClient()
      return
    }
    if (upstream !== null && this.#mayRepeat(upstream, failure)) {
      if (failure.linkLost) this.#avoid.add(upstream.agent)
      this.#open()
      return
    }
    this.#parts.log.debug(
      { app: this.#admitted.app.name, detail: failure.detail },
      'an app gave no valid answer',
    )
    const { name } = this.#admitted.app
    this.#refuse(
      failure.broken
        ? new Problem(502, 'answer_invalid', `${name} gave an answer that is not valid HTTP.`)
        : new Problem(502, 'app_reset', `${name} closed the connection without an answer.`),
    )
  }

  #mayRepeat(upstream: Upstream, failure: UpstreamFailure): boolean {
    const { method, length, upgrade } = this.#admitted.request
    if (this.#attempts > 2 || failure.broken || upstream.answering || upgrade || length !== undefined)
      return false
    return upstream.reused ? IDEMPOTENT.has(method) : failure.linkLost && SAFE.has(method)
  }

  #open(): void {
    const { app, session } = this.#admitted
    this.#attempts++
    const { tunnel, pool } = this.#parts
    const input = { tunnel, pool, app, sessionKey: session?.id ?? '', avoid: this.#avoid }
    openUpstream(input, (result) => {
      if (result instanceof Problem) {
        if (result.cause !== undefined)
          this.#parts.log.info({ app: app.name, cause: String(result.cause) }, 'no agent could reach an app')
        return this.#over ? undefined : this.#refuse(result)
      }
      if (this.#over) return result.destroy()
      const allowed = stillAllowed(this.#parts, this.#admitted)
      if (allowed === true) return this.#send(result)
      Promise.resolve(allowed).then(
        (late) => (late && !this.#over ? this.#send(result) : this.#withdraw(result)),
        () => this.#withdraw(result),
      )
    })
  }

  #withdraw(upstream: Upstream): void {
    upstream.destroy()
    if (!this.#over) this.#refuse(new Problem(403, 'revoked', 'Your access has just ended.'))
  }

  #send(upstream: Upstream): void {
    const { request, session, app, context } = this.#admitted
    try {
      this.#head ??= this.#buildHead()
    } catch (error) {
      upstream.destroy()
      if (!(error instanceof Problem)) this.#parts.log.error({ error: String(error) }, 'no request head')
      this.#refuse(
        error instanceof Problem
          ? error
          : new Problem(500, 'forward_failed', 'The request could not be prepared.'),
      )
      return
    }
    this.#upstream = upstream
    this.#agent = upstream.agent
    this.#removeLive?.()
    this.#removeLive =
      session &&
      this.#parts.sessions.live.add({
        session,
        app,
        agent: upstream.agent,
        context,
        cut: (reason) => this.cut(reason),
      })
    // `add` may have cut it already.
    if (this.#over || this.#reason !== null) {
      upstream.destroy()
      return
    }
    upstream.begin(this, { head: request.method === 'HEAD', upgrade: request.upgrade })
    this.deadline = this.#parts.deadlines.now + app.timeouts.responseMs
    upstream.write(Buffer.from(this.#head, 'latin1'))
    if (request.length === undefined) upstream.sent = true
    else this.#sendBody()
  }

  #buildHead(): string {
    const { request, app, subject, requestId } = this.#admitted
    const { assertion, forwardHeaders } = this.#parts
    return requestHead({
      request,
      app,
      names: this.#names,
      subject,
      assertion: subject === null ? '' : assertion.sign(subject, app),
      requestId,
      forward: subject === null ? (lines) => lines : (lines) => forwardHeaders(lines, { subject, app }),
    })
  }

  #sendBody(): void {
    const { message, response } = this.#client
    const { request, app } = this.#admitted
    const chunked = request.length === null
    this.#bodyRead = true
    this.deadline = this.#parts.deadlines.now + app.timeouts.idleMs
    if (request.expectsContinue) response.writeContinue()
    message.on('data', (chunk: Buffer) => {
      this.#progress()
      this.#bytesIn += chunk.length
      if (this.#upstream?.write(chunked ? chunkOf(chunk) : chunk) === false) message.pause()
    })
    message.on('end', () => {
      const upstream = this.#upstream
      if (upstream === null || !message.complete) return
      if (chunked) upstream.write(Buffer.from(`0\r\n${trailerText(message.rawTrailers)}\r\n`, 'latin1'))
      upstream.sent = true
      if (!this.#answered) this.deadline = this.#parts.deadlines.now + app.timeouts.responseMs
    })
  }

  #switch(head: AnswerHead): void {
    const { upgrade, response } = this.#client
    const upstream = this.#upstream as Upstream
    if (upgrade === null || !acceptsWebSocket(head, this.#admitted.request.lines)) {
      this.onfail({ broken: true, linkLost: false, detail: 'the app did not answer the WebSocket handshake' })
      return
    }
    const { socket, head: early } = upgrade
    this.#answered = true
    this.#status = 101
    const lines = answerLines(head.lines, this.#names, this.#parts.publicNames.hsts === true)
    let text = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    for (let i = 0; i < lines.length; i += 2)
      if (!/^content-length$/i.test(lines[i] as string)) text += `${lines[i]}: ${lines[i + 1]}\r\n`
    response.detachSocket(socket as never)
    socket.write(`${text}\r\n`, 'latin1')
    this.#relay = new WebSocketRelay(
      socket,
      upstream,
      early,
      () => this.#progress(),
      () => this.#finish(),
    )
  }

  #refuse(problem: Problem): void {
    const { message, response } = this.#client
    const { request, requestId } = this.#admitted
    this.deadline = Number.POSITIVE_INFINITY
    this.#reason ??= problem.code
    this.#status ??= problem.status
    this.#answered = true
    this.#ended = true
    if (this.#bodyRead && !message.complete) this.#linger()
    sendAnswer(message, response, problemAnswer(request, problem, requestId))
  }

  /** The answer is out but the client still sends: it may finish for a while, unheard, and is then cut. */
  #linger(): void {
    const { message } = this.#client
    message.removeAllListeners('data')
    message.resume()
    const timer = setTimeout(() => {
      if (!message.complete) message.socket.destroy()
    }, limits.lingerMs)
    timer.unref()
    message.once('close', () => clearTimeout(timer))
  }

  #destroyClient(): void {
    const { message, response, upgrade } = this.#client
    ;(upgrade?.socket ?? message.socket).destroy()
    if (this.#relay === null) {
      response.destroy()
      this.clientGone()
    }
  }

  #progress(): void {
    if (this.#answered || this.#admitted.request.length !== undefined)
      this.deadline = this.#parts.deadlines.now + this.#admitted.app.timeouts.idleMs
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#parts.deadlines.remove(this)
    this.#removeLive?.()
    this.#upstream?.destroy()
    this.#upstream = null
    if (this.#agent !== null) this.#record()
    this.#onover(this)
  }

  #record(): void {
    const { app, request, subject, session, requestId } = this.#admitted
    this.#parts.audit.record({
      type: 'app.request',
      success: this.#reason === null,
      reason: this.#reason,
      user: subject?.user ?? null,
      roles: subject?.roles ?? null,
      clientIp: request.clientIp,
      sessionId: session?.id ?? null,
      requestId,
      fields: {
        app: app.name,
        agent: this.#agent,
        method: request.method,
        path: pathOf(request.target),
        status: this.#status,
        bytes_in: this.#bytesIn + (this.#relay?.bytesIn ?? 0),
        bytes_out: this.#bytesOut + (this.#relay?.bytesOut ?? 0),
        duration_ms: Math.round(performance.now() - this.#started),
        upgrade: this.#relay === null ? null : 'websocket',
      },
    })
  }
}

function pathOf(target: string): string {
  const query = target.indexOf('?')
  return query < 0 ? target : target.slice(0, query)
}

function chunkOf(chunk: Buffer): Buffer {
  const size = chunk.length.toString(16)
  const framed = Buffer.allocUnsafe(size.length + chunk.length + 4)
  framed.write(`${size}\r\n`, 0, 'latin1')
  chunk.copy(framed, size.length + 2)
  framed.write('\r\n', size.length + 2 + chunk.length, 'latin1')
  return framed
}

function trailerText(raw: readonly string[]): string {
  let text = ''
  for (let i = 0; i + 1 < raw.length; i += 2)
    if (!isForbiddenTrailer((raw[i] as string).toLowerCase())) text += `${raw[i]}: ${raw[i + 1]}\r\n`
  return text
}

function hintsOf(lines: readonly string[]): { link: string[]; [name: string]: string | string[] } {
  const link: string[] = []
  for (let i = 0; i + 1 < lines.length; i += 2)
    if ((lines[i] as string).toLowerCase() === 'link') link.push(lines[i + 1] as string)
  return { link }
}
