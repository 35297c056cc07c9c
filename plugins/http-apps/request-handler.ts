import type { Duplex } from 'node:stream'
import { Problem } from '@mezite/core'
import {
  addressKey,
  type ConnectionInfo,
  createConcurrencyQuota,
  type HubResponse,
  type RoutedRequest,
  requesterOf,
} from '@mezite/core/protocol'
import type { Client } from './client/client.ts'
import { personOf, problemResponse } from './client/response.ts'
import type { Deps } from './deps.ts'
import { problemAbout, problemFor } from './reasons.ts'
import { HttpExchange } from './relay/exchange.ts'
import { recordUnsent } from './relay/outcome.ts'
import { type ClientHead, clientHead, headProblem, refusalLines } from './relay/request-head.ts'
import { RefusedByPlugin } from './relay/request-hook.ts'
import { mappingOf } from './request/app-mapping.ts'
import { type AppRequest, readRequest } from './request/app-request.ts'
import type { RefusalLog } from './request/refusal-log.ts'
import { type Admitted, admit, continueHeld } from './session/admission.ts'
import { documentFor } from './session/credential-document.ts'
import { hubRoute, isHubPath } from './session/reserved-routes.ts'
import { titleOf } from './texts.ts'

/** A connection that has carried a request to an app. */
interface Connection {
  /** Those under way. */
  readonly exchanges: HttpExchange[]
  /** The hub knows who uses it. */
  authenticated: boolean
}

/** Takes each request through the same steps for every version of HTTP: read, admit, forward or respond. */
export class RequestHandler {
  readonly #deps: Deps
  readonly #refusals: RefusalLog
  /** Requests of callers who are not known yet, by address. */
  readonly #anonymous = createConcurrencyQuota()
  readonly #connections = new Map<Duplex, Connection>()

  constructor(deps: Deps, refusals: RefusalLog) {
    this.#deps = deps
    this.#refusals = refusals
  }

  serve(client: Client, routed: RoutedRequest): void {
    const { head, info, requestId } = routed
    try {
      const { catalog, access } = this.#deps
      // The one time that it is looked up: every step sees the same app, whatever changes meanwhile.
      const app = info.certified ? catalog.byId(info.certified.appId) : catalog.byHost(routed.host.host)
      const request = readRequest(routed, app, client.upgrade !== null, access.callers.headers)
      if (request instanceof Problem) {
        this.#refusals.note(info.clientIp, request.code, requestId)
        client.respond(problemResponse(this.#deps.pages, { ...requesterOf(head), requestId }, request), true)
        return
      }
      // All paths of documents and of the hub begin like this.
      if (request.target.startsWith('/.')) {
        const continued = continueHeld(this.#deps, request, info.certified, client)
        if (continued !== null) return void this.#later(client, routed, request, continued)
      }
      if (request.target.startsWith('/.') && info.certified === undefined) {
        const document = documentFor(this.#deps, request)
        if (document !== null) return void client.respond(document)
        if (isHubPath(request.target)) {
          const leave = this.#enter(client, request)
          if (leave === null) return
          hubRoute(this.#deps, request)
            .finally(leave)
            .then((response) => client.respond(response))
            .catch((error: unknown) => this.#failed(client, routed, error))
          return
        }
      }
      const result = admit(this.#deps, request, info.certified, client)
      if (!(result instanceof Promise)) {
        this.#act(client, result, info)
        return
      }
      this.#later(client, routed, request, result)
    } catch (error) {
      this.#failed(client, routed, error)
    }
  }

  #later(
    client: Client,
    routed: RoutedRequest,
    request: AppRequest,
    result: Promise<Admitted | HubResponse>,
  ): void {
    const leave = this.#enter(client, request)
    if (leave === null) {
      result.then(giveBack, () => {})
      return
    }
    result
      .finally(leave)
      .then((late) => this.#act(client, late, routed.info))
      .catch((error: unknown) => this.#failed(client, routed, error))
  }

  /** Reports a broken body to the last exchange on the connection. False: it has none, or its request is complete. */
  breakBody(connection: Duplex, problem: Problem): boolean {
    return this.#connections.get(connection)?.exchanges.at(-1)?.breakBody(problem) ?? false
  }

  /** Whether an exchange is under way on the connection, or on any connection. */
  isBusy(connection?: Duplex): boolean {
    if (connection !== undefined) return (this.#connections.get(connection)?.exchanges.length ?? 0) > 0
    for (const { exchanges } of this.#connections.values()) if (exchanges.length > 0) return true
    return false
  }

  /** Ends all exchanges because the hub stops. */
  shutDown(): void {
    for (const { exchanges } of [...this.#connections.values()])
      for (const exchange of [...exchanges]) exchange.shutDown()
  }

  #act(client: Client, result: Admitted | HubResponse, info: ConnectionInfo): void {
    if (result.kind === 'response') return void client.respond(result)
    if (!this.#forward(client, result, info)) result.held?.end()
  }

  /** False: the request was refused. */
  #forward(client: Client, admitted: Admitted, info: ConnectionInfo): boolean {
    const { request, admission } = admitted
    const { app } = admission
    if (client.gone) {
      recordUnsent(this.#deps, admitted, null, 'client_closed')
      admission.close()
      return false
    }
    const connection = this.#entryOf(client.connection)
    if (!connection.authenticated && admission.subject !== null) {
      connection.authenticated = true
      info.authenticated?.()
    }
    if (app.uri === 'none') return this.#refuseElsewhere(client, admitted)
    const { exchanges } = connection
    if (exchanges.length >= this.#deps.proxyLimits.requestsPerConnection) {
      const problem = problemFor('pipeline_too_long')
      recordUnsent(this.#deps, admitted, problem.status, problem.code)
      admission.close()
      client.respond(problemResponse(this.#deps.pages, request, problem), true)
      return false
    }
    const overload = this.#deps.load.take(admitted.sharer, app.id)
    if (overload !== null) {
      admission.deny(overload)
      client.respond(this.#refusal(admitted, overloadProblem(overload, titleOf(app))))
      return false
    }
    let own: ClientHead
    try {
      own = clientHead(this.#deps, admitted, mappingOf(app, admitted.request.host.host, this.#deps))
    } catch (error) {
      this.#deps.load.give(admitted.sharer, app.id)
      const problem = headProblem(this.#deps, admitted, error)
      if (problem instanceof RefusedByPlugin) admission.deny(problem.code)
      else {
        this.#deps.failures.note(problem, admitted, null)
        recordUnsent(this.#deps, admitted, problem.status, problem.code)
        admission.close()
      }
      client.respond(this.#refusal(admitted, problem))
      return false
    }
    const exchange = new HttpExchange(this.#deps, admitted, own, client, exchanges)
    exchanges.push(exchange)
    exchange.start()
    return true
  }

  /** No agent reaches the app, so a request that came past its proxy ends here. */
  #refuseElsewhere(client: Client, admitted: Admitted): false {
    const problem = problemAbout('app_elsewhere', titleOf(admitted.admission.app))
    recordUnsent(this.#deps, admitted, problem.status, problem.code)
    admitted.admission.close()
    client.respond(this.#refusal(admitted, problem))
    return false
  }

  #refusal({ request, admission }: Admitted, problem: Problem): HubResponse {
    const { app, subject } = admission
    const lines = refusalLines(problem, request, app)
    return problemResponse(this.#deps.pages, request, problem, lines, personOf(subject))
  }

  /**
   * Counts a request against its address until its caller is known. Call the returned function once; null: the address has
   * too many requests, and this one was refused.
   */
  #enter(client: Client, request: AppRequest): (() => void) | null {
    const address = addressKey(request.clientIp)
    if (this.#anonymous.take(address, this.#deps.proxyLimits.anonymousRequestsPerAddress))
      return () => this.#anonymous.give(address)
    this.#refusals.note(request.clientIp, 'address_limit', request.requestId)
    client.respond(problemResponse(this.#deps.pages, request, overloadProblem('address_limit', '')))
    return null
  }

  #entryOf(socket: Duplex): Connection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const made: Connection = { exchanges: [], authenticated: false }
    this.#connections.set(socket, made)
    // Responses that wait their turn on a pipelined connection are notified of its end only here.
    socket.once('close', () => {
      for (const exchange of [...made.exchanges]) exchange.onclientgone()
      this.#connections.delete(socket)
    })
    return made
  }

  #failed(client: Client, { head, info, requestId }: RoutedRequest, error: unknown): void {
    this.#deps.log.error({ error: String(error), request_id: requestId }, 'failed to serve a request')
    const problem = problemFor('internal')
    this.#refusals.note(info.clientIp, problem.code, requestId)
    client.respond(problemResponse(this.#deps.pages, { ...requesterOf(head), requestId }, problem))
  }
}

function giveBack(result: Admitted | HubResponse): void {
  if (result.kind !== 'admitted') return
  result.admission.close()
  result.held?.end()
}

/** The problem for a person, an app or an address at its limit; others are not affected. */
function overloadProblem(
  reason: NonNullable<ReturnType<Deps['load']['take']>> | 'address_limit',
  app: string,
): Problem {
  return reason === 'address_limit'
    ? problemFor(reason, 'This address has too many requests under way. Wait for some of them to end.')
    : problemAbout(reason, app)
}
