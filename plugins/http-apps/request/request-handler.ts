import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { Problem } from '@mezite/core'
import {
  addressKey,
  createConcurrencyQuota,
  type HubResponse,
  type RequestHead,
  type RoutedRequest,
  requesterOf,
} from '@mezite/core/protocol'
import type { Client } from '../client/client.ts'
import { problemResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { mappingOf } from '../relay/app-mapping.ts'
import { HttpExchange } from '../relay/exchange.ts'
import { recordUnsent } from '../relay/outcome.ts'
import { type Admitted, admit } from '../session/admission.ts'
import { hubRoute, isHubPath } from '../session/reserved-routes.ts'
import { sharerOf } from '../upstream/upstream-dialer.ts'
import { type AppRequest, readRequest } from './app-request.ts'
import { readableBy } from './origin.ts'
import { overloadProblem } from './overload.ts'
import type { RefusalLog } from './refusal-log.ts'
import { headProblem, type OwnPart, ownPart } from './request-head.ts'
import { RefusedByPlugin } from './request-hook.ts'

/** Walks each request down one line, whatever version of HTTP brought it: read, admit, forward or answer. */
export class RequestHandler {
  readonly #deps: Deps
  readonly #refusals: RefusalLog
  /** Requests of callers who are not known yet, by address. */
  readonly #anonymous = createConcurrencyQuota()
  /** Exchanges under way, by connection. */
  readonly #exchanges = new Map<Duplex, HttpExchange[]>()

  constructor(deps: Deps, refusals: RefusalLog) {
    this.#deps = deps
    this.#refusals = refusals
  }

  serve(client: Client, routed: RoutedRequest): void {
    const requestId = randomUUID()
    const { head, info } = routed
    try {
      const request = readRequest(routed, client.upgrade !== null)
      if (request instanceof Problem) {
        this.#refusals.note(info.clientIp, request.code, requestId)
        client.respond(problemResponse(requesterOf(head), request, requestId), true)
        return
      }
      if (isHubPath(request.target) && info.certified === undefined) {
        const leave = this.#enter(client, request, requestId)
        if (leave === null) return
        hubRoute(this.#deps, request, requestId)
          .finally(leave)
          .then((answer) => client.respond(answer))
          .catch((error: unknown) => this.#failed(client, head, requestId, error))
        return
      }
      const result = admit(this.#deps, request, requestId, info.certified)
      if (!(result instanceof Promise)) {
        this.#act(client, result)
        return
      }
      const leave = this.#enter(client, request, requestId)
      if (leave === null) {
        result.then(giveBack, () => {})
        return
      }
      result
        .finally(leave)
        .then((late) => this.#act(client, late))
        .catch((error: unknown) => this.#failed(client, head, requestId, error))
    } catch (error) {
      this.#failed(client, head, requestId, error)
    }
  }

  /** The body of the last exchange on the connection is broken. False: there is no exchange. */
  breakBody(connection: Duplex, problem: Problem): boolean {
    return this.#exchanges.get(connection)?.at(-1)?.breakBody(problem) ?? false
  }

  /** Something is under way on the connection, or on any. */
  isBusy(connection?: Duplex): boolean {
    if (connection !== undefined) return (this.#exchanges.get(connection)?.length ?? 0) > 0
    for (const { length } of this.#exchanges.values()) if (length > 0) return true
    return false
  }

  /** Ends everything that is under way: the hub stops. */
  shutDown(): void {
    for (const those of [...this.#exchanges.values()]) for (const exchange of [...those]) exchange.shutDown()
  }

  #act(client: Client, result: Admitted | HubResponse): void {
    if (result.kind === 'response') client.respond(result)
    else this.#forward(client, result)
  }

  #forward(client: Client, admitted: Admitted): void {
    const { request, admission } = admitted
    const { app, requestId } = admission
    if (client.gone) {
      recordUnsent(this.#deps.audit, admitted, null, 'client_closed')
      admission.close()
      return
    }
    const exchanges = this.#exchangesOf(client.connection)
    if (exchanges.length >= this.#deps.proxyLimits.requestsPerConnection) {
      const problem = new Problem(429, 'pipeline_too_long', 'Too many requests wait on this connection.')
      recordUnsent(this.#deps.audit, admitted, problem.status, problem.code)
      admission.close()
      client.respond(problemResponse(request, problem, requestId), true)
      return
    }
    const overload = this.#deps.load.take(sharerOf(admitted), app.id)
    if (overload !== null) {
      admission.deny(overload)
      client.respond(problemResponse(request, overloadProblem(overload, app.name), requestId))
      return
    }
    let own: OwnPart
    try {
      own = ownPart(this.#deps, admitted, mappingOf(app, this.#deps.publicNames))
    } catch (error) {
      this.#deps.load.give(sharerOf(admitted), app.id)
      const problem = headProblem(this.#deps, admitted, error)
      if (problem instanceof RefusedByPlugin) admission.deny(problem.code)
      else {
        this.#deps.failures.note(problem, admitted, null)
        recordUnsent(this.#deps.audit, admitted, problem.status, problem.code)
        admission.close()
      }
      client.respond(
        problemResponse(request, problem, requestId, ['Vary', 'Origin', ...readableBy(request, app)]),
      )
      return
    }
    const exchange = new HttpExchange(this.#deps, admitted, own, client, exchanges)
    exchanges.push(exchange)
    exchange.start()
  }

  /**
   * Who asks is not in memory: until that is clear the request counts against its address. Call what it returns once; null:
   * there are too many, and that was the answer.
   */
  #enter(client: Client, request: AppRequest, requestId: string): (() => void) | null {
    const address = addressKey(request.clientIp)
    if (this.#anonymous.take(address, this.#deps.proxyLimits.anonymousRequestsPerAddress))
      return () => this.#anonymous.give(address)
    this.#refusals.note(request.clientIp, 'address_limit', requestId)
    client.respond(problemResponse(request, overloadProblem('address_limit', ''), requestId))
    return null
  }

  #exchangesOf(connection: Duplex): HttpExchange[] {
    const known = this.#exchanges.get(connection)
    if (known !== undefined) return known
    const made: HttpExchange[] = []
    this.#exchanges.set(connection, made)
    // Responses that wait their turn on a pipelined connection are notified of its end only here.
    connection.once('close', () => {
      for (const exchange of [...made]) exchange.onclientgone()
      this.#exchanges.delete(connection)
    })
    return made
  }

  #failed(client: Client, head: RequestHead, requestId: string, error: unknown): void {
    this.#deps.log.error({ error: String(error), request_id: requestId }, 'a request could not be served')
    const problem = new Problem(500, 'internal', 'The hub made a mistake. It has been logged.')
    client.respond(problemResponse(requesterOf(head), problem, requestId))
  }
}

function giveBack(result: Admitted | HubResponse): void {
  if (result.kind === 'admitted') result.admission.close()
}
