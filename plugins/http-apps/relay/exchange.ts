import { type App, Problem, type Subject } from '@mezite/core'
import { type EndReason, tooLargeResponse } from '@mezite/core/protocol'
import type { Client, ClientWatcher } from '../client/client.ts'
import { personOf, problemResponse } from '../client/response.ts'
import type { Waiting } from '../deadlines.ts'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import type { AppMapping } from '../request/app-mapping.ts'
import { acceptsWebSocket, switchingHead } from '../request/web-socket-accept.ts'
import type { Admitted } from '../session/admission.ts'
import { titleOf } from '../texts.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'
import type { Upstream, UpstreamUser } from '../upstream/upstream.ts'
import { failureProblem, mayRepeat, type UpstreamFailure } from '../upstream/upstream-failure.ts'
import { refusesCookies } from './cookie-refusal.ts'
import { endedProblem, Outcome } from './outcome.ts'
import { type BodyWatcher, RequestBody } from './request-body.ts'
import { type ClientHead, headProblem, refusalLines, requestHead } from './request-head.ts'
import { ResponseRelay } from './response-relay.ts'
import { DialProblem, openUpstream } from './upstream-dialer.ts'
import { WebSocketRelay } from './web-socket-relay.ts'

const REVOKED = 4401
const GOING_AWAY = 1001

/**
 * One admitted request: finds a connection, relays both ways with back-pressure, and records the outcome once.
 * A request whose bytes have left is never sent twice, except as `mayRepeat` allows.
 */
export class HttpExchange implements UpstreamUser, BodyWatcher, ClientWatcher, Waiting {
  readonly #deps: Deps
  readonly #admitted: Admitted
  readonly #app: App
  readonly #client: Client
  readonly #mapping: AppMapping
  /** The exchanges of the same connection. */
  readonly #siblings: HttpExchange[]
  readonly #outcome: Outcome
  readonly #response: ResponseRelay
  /** The result of the plugins for `#subject`. */
  #own: ClientHead | null
  #subject: Subject | null
  /** The target as it was sent to the app. */
  #target = ''
  #body: RequestBody | null = null
  #upstream: Upstream | null = null
  #relay: WebSocketRelay | null = null
  #repeated = false
  /** The app's response has begun, or the hub has sent its own. */
  #responded = false
  #over = false
  deadline = Number.POSITIVE_INFINITY
  index = -1

  constructor(deps: Deps, admitted: Admitted, own: ClientHead, client: Client, siblings: HttpExchange[]) {
    this.#deps = deps
    this.#admitted = admitted
    this.#app = admitted.admission.app
    this.#outcome = new Outcome(admitted.request.receivedAt)
    this.#own = own
    this.#subject = admitted.admission.subject
    this.#client = client
    this.#siblings = siblings
    this.#mapping = own.mapping
    this.#response = new ResponseRelay(deps, client, this.#mapping, this)
    client.watch(this)
    admitted.fail = (problem) => this.#fail(problem)
  }

  start(): void {
    this.#deps.deadlines.add(this)
    this.#admitted.admission.bind(this)
    // A held request is sent once, and so on a connection that cannot be an old one.
    this.#open(null, this.#admitted.held !== undefined)
  }

  onclientdrain(): void {
    this.#progress()
    this.#upstream?.resume()
  }

  onclientgone(): void {
    if (this.#over || this.#relay !== null) return
    if (!this.#response.ended) this.#outcome.reason ??= 'client_closed'
    this.#finish()
  }

  /** Ends a request whose rest is not valid HTTP, and sends the browser the reason. False: the request is complete. */
  breakBody(problem: Problem): boolean {
    if (this.#over || this.#client.complete) return false
    this.#fail(problem)
    return true
  }

  #fail(problem: Problem): void {
    if (this.#over) return
    this.#outcome.reason ??= problem.code
    if (this.#responded) this.#stop(null)
    else this.#refuse(problem)
  }

  /** Access has ended: both sides are closed at once. */
  cut(reason: EndReason): void {
    if (this.#over) return
    const { admission } = this.#admitted
    // Nothing has left yet, so the browser can read why.
    if (admission.agent === null && !this.#responded) return void this.#refuse(endedProblem(admission))
    this.#outcome.reason = reason
    this.#stop(REVOKED)
  }

  /** The hub stops and no longer waits. */
  shutDown(): void {
    if (this.#over) return
    this.#outcome.reason ??= 'shutdown'
    this.#stop(GOING_AWAY)
  }

  onlate(): void {
    this.deadline = Number.POSITIVE_INFINITY
    const code = this.#responded ? 'idle' : 'app_timeout'
    this.#fail(new Problem(504, code, `${titleOf(this.#app)} did not respond in time.`))
  }

  oninformational(status: number, lines: readonly string[]): void {
    this.#progress()
    if (!this.#admitted.request.http10) this.#response.inform(status, lines)
  }

  onhead(head: ResponseHead): void {
    this.#outcome.responding()
    if (head.status === 101) return void this.#switch(head)
    if (head.status >= 400 && refusesCookies(head, this.#admitted.request)) {
      this.#refuse(problemFor('headers_too_large', `The app refused the cookies (${head.status}).`))
      return
    }
    let status: number | null
    try {
      status = this.#response.head(head, this.#admitted, this.#target)
    } catch (error) {
      return void this.#refuse(headProblem(this.#deps, this.#admitted, error))
    }
    this.#responded = true
    this.#progress()
    if (status === null)
      return void this.onfail({ broken: true, linkLost: false, detail: 'the head cannot be written' })
    this.#outcome.status = status
  }

  onbody(chunk: Buffer, last: boolean): void {
    this.#progress()
    if (this.#relay !== null) return void this.#relay.fromApp(chunk)
    this.#outcome.bytesOut += chunk.length
    if (!this.#response.write(chunk, last)) this.#upstream?.pause()
  }

  onend(trailers: readonly string[]): void {
    if (this.#relay !== null) return void this.#relay.appEnded()
    const upstream = this.#upstream
    this.#upstream = null
    if (upstream?.reusable) this.#deps.pool.give(upstream)
    else upstream?.destroy()
    if (this.#body !== null && !this.#client.complete) this.#client.abandonBody()
    this.#response.end(trailers)
  }

  ondrain(): void {
    this.#progress()
    if (this.#relay !== null) this.#relay.appDrained()
    else this.#body?.resume()
  }

  onrequestbytes(count: number): void {
    this.#outcome.bytesIn += count
    this.#progress()
  }

  onrequestsent(): void {
    if (!this.#responded) this.deadline = this.#deps.deadlines.now + this.#app.timeouts.responseMs
  }

  onbodyfailed(error: unknown): void {
    this.#fail(headProblem(this.#deps, this.#admitted, error))
  }

  onfail(failure: UpstreamFailure): void {
    const upstream = this.#upstream
    this.#upstream = null
    if (this.#over || this.#response.ended) return
    if (this.#relay !== null) return void this.#relay.appGone()
    upstream?.destroy()
    const { request, held } = this.#admitted
    if (this.#response.begun) return void this.#fail(failureProblem(titleOf(this.#app), failure))
    if (upstream !== null && !this.#repeated && !held && mayRepeat(request, upstream, failure)) {
      this.#repeated = true
      this.#open(failure.linkLost ? upstream.agent : null, true)
      return
    }
    this.#refuse(failureProblem(titleOf(this.#app), failure))
  }

  #open(avoid: string | null, fresh: boolean): void {
    const { versions } = this.#mapping
    openUpstream(this.#deps, this.#admitted, { avoid, fresh, versions }, (result) => {
      if (!(result instanceof Problem)) this.#send(result)
      else if (!this.#over && !this.#responded) this.#refuse(result)
    })
  }

  #send(upstream: Upstream): void {
    if (this.#over || this.#responded) return void upstream.destroy()
    const { request, admission, held, body } = this.#admitted
    if (admission.subject !== this.#subject) this.#own = null
    const head = requestHead(this.#deps, this.#admitted, this.#mapping, this.#own)
    if (head instanceof Problem) {
      upstream.destroy()
      return void this.#refuse(head)
    }
    this.#target = head.target
    upstream.begin(this, head)
    this.#upstream = upstream
    // The connection may have ended while access was decided again.
    if (upstream.gone)
      return void this.onfail({ broken: false, linkLost: false, detail: 'closed before use' })
    this.#outcome.sending(upstream.agent)
    this.deadline = this.#deps.deadlines.now + this.#app.timeouts.responseMs
    upstream.send(head)
    if (request.length === undefined) return
    this.deadline = this.#deps.deadlines.now + this.#app.timeouts.idleMs
    if (request.expectsContinue && !held && body === null) this.#client.welcomeBody()
    this.#body = new RequestBody(this.#client, upstream, this, head.transforms, held ?? body)
  }

  #switch(head: ResponseHead): void {
    const { upgrade } = this.#client
    const detail = 'the app did not accept the WebSocket handshake'
    if (upgrade === null || !acceptsWebSocket(head, this.#admitted.request.lines))
      return void this.onfail({ broken: true, linkLost: false, detail })
    this.#responded = true
    this.#progress()
    this.#outcome.status = 101
    this.#outcome.upgraded = true
    this.#client.switchProtocols(switchingHead(this.#response.lines(head)))
    this.#relay = new WebSocketRelay(
      upgrade.socket,
      this.#upstream as Upstream,
      upgrade.head,
      () => this.#progress(),
      () => this.#finish(),
    )
  }

  /** Ends the app's side and responds in its place. */
  #refuse(problem: Problem): void {
    this.#upstream?.destroy()
    const { request, admission } = this.#admitted
    const { app } = admission
    const dialled = problem instanceof DialProblem ? problem : null
    this.#outcome.agent ??= dialled?.agent ?? null
    this.#deps.failures.note(problem, this.#admitted, this.#outcome.agent)
    this.deadline = Number.POSITIVE_INFINITY
    this.#outcome.reason ??= dialled?.reason ?? problem.code
    this.#outcome.status ??= problem.status
    this.#responded = true
    this.#response.ended = true
    if (this.#body !== null && !this.#client.complete) this.#client.abandonBody()
    const { pages } = this.#deps
    const lines = refusalLines(problem, request, app)
    const refusal = () => problemResponse(pages, request, problem, lines, personOf(admission.subject))
    this.#client.respond(problem.code === 'headers_too_large' ? tooLargeResponse(pages) : refusal())
  }

  /** Closes both sides: a WebSocket with the code, if any, everything else by a reset. */
  #stop(closeCode: number | null): void {
    if (this.#relay !== null && closeCode !== null) return void this.#relay.cut(closeCode)
    this.#upstream?.destroy()
    this.#client.cut()
    if (this.#relay === null) this.onclientgone()
  }

  #progress(): void {
    if (this.#responded || this.#admitted.request.length !== undefined)
      this.deadline = this.#deps.deadlines.now + this.#app.timeouts.idleMs
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#deps.deadlines.remove(this)
    this.#admitted.admission.close()
    this.#admitted.held?.end()
    this.#upstream?.destroy()
    this.#upstream = null
    this.#outcome.bytesIn += this.#relay?.bytesIn ?? 0
    this.#outcome.bytesOut += this.#relay?.bytesOut ?? 0
    this.#outcome.record(this.#deps, this.#admitted)
    this.#siblings.splice(this.#siblings.indexOf(this), 1)
    this.#deps.load.give(this.#admitted.sharer, this.#app.id)
  }
}
