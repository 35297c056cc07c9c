import { Problem } from '@mezite/core'
import type { Admission, HubResponse, Refusal } from '@mezite/core/protocol'
import type { RequestHold } from '@mezite/core/types'
import type { Client } from '../client/client.ts'
import { problemResponse, redirectResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import type { AppRequest } from '../request/app-request.ts'
import { cookieOf } from '../request/cookies.ts'
import { publicOrigin } from '../request/origin.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { type HeldBody, readHeldBody } from './held-body.ts'
import { type HeldEntry, newHeldId } from './held-requests.ts'
import {
  accepted,
  challenge,
  contentTypeOf,
  HELD_COOKIE,
  HELD_PATH,
  pageFor,
  pathOf,
  prefersAsync,
  sendAgain,
} from './hold-responses.ts'

const LONGEST_TARGET = 2_048
/** How long a program that asks for the outcome waits for it. */
const POLL_MS = 25_000

/** What continues a held request: its admission, or the response in its place. */
export type Continuation =
  | { readonly admission: Admission; readonly body: HeldBody; readonly request: AppRequest }
  | HubResponse

/** The part of a request's way that holding it needs. */
export interface HoldCall {
  readonly deps: Deps
  readonly request: AppRequest
  readonly client: Client
  /** The body, if it has been read. */
  readonly whole: Buffer | null
  /** A person's browser shows the response. */
  readonly page: boolean
  /** It has the credential of a program. */
  readonly program: boolean
  /** Asks the gate about this request again; an objection is recorded. */
  ask(more: {
    readonly request: AppRequest
    readonly met?: Admission['met']
    readonly objection?: string
  }): Promise<Admission | Refusal>
  /** The response to a refusal that nothing holds. */
  refuse(refusal: Refusal): HubResponse | Promise<HubResponse>
}

/** Keeps the request until `entry` has decided, or leads its sender to where that happens. */
export async function hold(call: HoldCall, refusal: Refusal, entry: RequestHold): Promise<Continuation> {
  const { deps, request, client, page, program } = call
  const { app, method, target } = request
  const { subject, requirements } = refusal
  const [requirement] = requirements
  const sessionId = subject?.sessionId ?? null
  if (app === undefined || subject === null || requirement === undefined || sessionId === null)
    return fail(call, problemFor('hold_impossible'))
  if (request.upgrade || target.length > LONGEST_TARGET) return fail(call, problemFor('hold_impossible'))
  const back = page ? returning(call, sessionId) : undefined
  if (back !== undefined) return go(call, back, back.body)
  const leave = deps.held.enter(subject.user, entry.limits)
  if (leave === null) return fail(call, problemFor('too_many_held'))
  let body: HeldBody | null = null
  let added = false
  try {
    const read = await readHeldBody(client, request, {
      limit: entry.limits.bodyBytes,
      withinMs: entry.withinMs,
      whole: call.whole,
    })
    if (typeof read === 'string') return await fail(call, unread(read))
    body = read
    const again =
      page || program
        ? null
        : JSON.stringify([sessionId, app.id, method, target, contentTypeOf(request), body.sha256])
    const known = again === null ? undefined : deps.held.awaited(again)
    if (known !== undefined) {
      if (known.outcome === undefined) return challenge(call, known)
      const sent = body
      body = null
      return await go(call, known, sent)
    }
    const id = newHeldId()
    const origin = publicOrigin(request.host.host, deps.publicNames)
    const made = await entry.hold({
      requirement,
      app,
      subject,
      method,
      target,
      contentType: contentTypeOf(request),
      body: { bytes: body.bytes, sha256: body.sha256 },
      clientIp: request.clientIp,
      requestId: request.requestId,
      returnTo: page ? origin + HELD_PATH + id : program ? null : `${origin}/.mezite/renewed`,
    })
    if (made === null) return await fail(call, problemFor('hold_impossible'))
    body.hold = made
    const own = { id, request, sessionId, user: subject.user, again, body, hold: made }
    const kept = deps.held.add(own, { withinMs: entry.withinMs, left: leave })
    added = true
    body = null
    if (page) return pageFor(call, kept)
    if (!program) return challenge(call, kept)
    if (prefersAsync(request)) return accepted(call, kept)
    return await waited(call, kept)
  } finally {
    body?.end()
    if (!added) leave()
  }
}

/** A program waits until its request is decided, or leaves. */
async function waited(call: HoldCall, entry: HeldEntry): Promise<Continuation> {
  const { deps, client } = call
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  client.watch({ onclientdrain() {}, onclientgone: resolve })
  if (client.gone) resolve()
  await Promise.race([entry.decided, gone])
  if (entry.outcome !== undefined) return go(call, entry, entry.body)
  deps.held.take(entry)
  entry.body.end()
  return fail(call, problemFor('client_closed'))
}

/** Sends the request once, if the requirement is met and the gate still allows it. `body`: the bytes to send, which are those that were held. */
async function go(call: HoldCall, entry: HeldEntry, body: HeldBody): Promise<Continuation> {
  const { deps, request: now } = call
  // A request that is taken cannot be taken again.
  const isFirst = deps.held.take(entry)
  let kept = false
  try {
    const { outcome, hold } = entry
    if (outcome === undefined || (!isFirst && outcome !== 'hold_expired'))
      return await fail(call, problemFor('held_unknown'))
    const code = outcome ?? (await hold.release().catch(() => 'internal'))
    if (typeof code === 'string') return await fail(call, problemOf(code))
    const { http10, expectsContinue } = now
    const request = entry.again === null ? { ...entry.request, http10, expectsContinue } : now
    const admission = await call.ask({ request, met: [code.met] })
    if (admission.outcome !== 'admitted')
      return admission.outcome === 'required'
        ? await fail(call, problemFor('hold_impossible'))
        : await call.refuse(admission)
    if (admission.session?.id !== entry.sessionId) {
      admission.close()
      return await fail(call, problemFor('held_unknown'))
    }
    body.lines = code.lines
    // The bytes of a script's second request are sent, and those that were held are dropped.
    entry.body.hold = null
    body.hold = hold
    kept = true
    return { admission, body, request }
  } finally {
    if (entry.body !== body || !kept) entry.body.end()
    if (!kept) body.end()
  }
}

/** `GET /.mezite/held/ID`: a browser comes back from the decision, or a program asks for the outcome. Null: the path is another one. */
export function heldIdOf({ method, target }: AppRequest): string | null {
  return method === 'GET' && target.startsWith(HELD_PATH) ? target.slice(HELD_PATH.length) : null
}

export async function resume(call: HoldCall, id: string): Promise<Continuation> {
  const { deps, request, page } = call
  const entry = deps.held.find(id)
  if (entry === undefined || entry.again !== null || entry.request.app?.id !== request.app?.id)
    return fail(call, problemFor('held_unknown'))
  const seen = await call.ask({ request: entry.request })
  const sessionId = seen.outcome === 'admitted' ? seen.session?.id : seen.subject?.sessionId
  if (seen.outcome === 'admitted') seen.close()
  if (sessionId !== entry.sessionId) return fail(call, problemFor('held_unknown'))
  if (page) {
    if (entry.outcome === undefined) return redirectResponse(302, pathOf(call, entry), [])
    return entry.outcome === null ? sendAgain(call, entry) : go(call, entry, entry.body)
  }
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, POLL_MS)
  await Promise.race([entry.decided, late.promise])
  clearTimeout(timer)
  return entry.outcome === undefined ? accepted(call, entry) : go(call, entry, entry.body)
}

/** The request that this browser sends again after the decision: of the same session, method and address, and without a body of its own. */
function returning({ deps, request }: HoldCall, sessionId: string): HeldEntry | undefined {
  const id = request.cookies.length === 0 ? undefined : cookieOf(request.cookies, HELD_COOKIE)
  const entry = id === undefined ? undefined : deps.held.find(id)
  const isIt =
    entry?.outcome === null &&
    entry.again === null &&
    entry.sessionId === sessionId &&
    entry.request.app?.id === request.app?.id &&
    entry.request.method === request.method &&
    entry.request.target === request.target &&
    (request.length ?? 0) === 0
  return isIt ? entry : undefined
}

/** A refusal that the gate records. */
async function fail(call: HoldCall, problem: Problem): Promise<HubResponse> {
  const { deps, request } = call
  const seen = await call.ask({ request, objection: problem.code })
  if (seen.outcome === 'admitted') seen.close()
  else if (seen.subject === null) recordFailure(deps.audit, request, problem, { app: request.app })
  return problemResponse(deps.pages, request, problem, ['Vary', 'Origin'])
}

const unread = (code: Exclude<Awaited<ReturnType<typeof readHeldBody>>, HeldBody>): Problem =>
  code === 'body_too_large'
    ? problemFor(code, 'The body is too large to be signed.')
    : code === 'request_invalid'
      ? problemFor(code, 'A request that is signed cannot have trailers.')
      : problemFor(code)

const problemOf = (code: string): Problem =>
  code === 'hold_expired' || code === 'internal'
    ? problemFor(code)
    : new Problem(403, code, 'This request was not signed, so it was not sent.')
