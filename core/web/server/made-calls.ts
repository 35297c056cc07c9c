import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { GivenRights } from '../../api/audit.ts'
import type { AdminCalls, AskedCall, CallAnswer, CallMakers } from '../../api/change-holds.ts'
import { problemFor } from '../../api/reasons.ts'
import { type AdminRight, isAdminRight } from '../../api/rights.ts'
import type { Subject } from '../../api/subject.ts'
import { operator } from './admin-socket.ts'
import { isReading, keyOf, requireGivable, requireRight } from './administrator.ts'
import { requireConfirmation } from './confirmation.ts'
import { requireCaller } from './route-caller.ts'
import type { Arrival, GuardOptions } from './route-guard.ts'

/** A call that the hub makes itself. `right`: the one that was asked for; null: it only reads. */
export interface Made {
  readonly made: {
    readonly right: AdminRight | null
    readonly by: CallMakers | null
    readonly onlyCheck: boolean
    /** The request whose caller makes it. */
    readonly within?: FastifyRequest
  }
}

/** How often the guard asks before the route runs. */
const TIMES_OF_GUARD = 2
/** Never from the network: there, every request has arrived in another way. */
const MADE_HEADER = 'x-mezite-made'

/** Makes calls inside the hub, also those of `callApi` of each request; `arrivalOf` recognises them. */
export function createAdminCalls(
  app: FastifyInstance,
): AdminCalls & { arrivalOf(raw: IncomingMessage): Made | null } {
  const under = new Map<string, Made>()
  async function call(
    made: Made['made'],
    { method, url, body, conditions = {} }: Pick<AskedCall, 'method' | 'url' | 'body'> & Partial<AskedCall>,
  ): Promise<CallAnswer> {
    const key = randomUUID()
    under.set(key, { made })
    try {
      const response = await app.inject({
        method: method as 'GET',
        url,
        headers: {
          ...conditions,
          [MADE_HEADER]: key,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { payload: JSON.stringify(body) }),
      })
      const isJson = /json/.test(String(response.headers['content-type'] ?? ''))
      return { status: response.statusCode, body: isJson && response.body !== '' ? response.json() : null }
    } finally {
      under.delete(key)
    }
  }
  app.decorateRequest('callApi', function (this: FastifyRequest, { onlyCheck = false, body, ...one }) {
    return call({ right: null, by: null, onlyCheck, within: this }, { ...one, body })
  })
  return {
    read: (one) => call({ right: null, by: null, onlyCheck: false }, one),
    make: (one, by, { onlyCheck = false } = {}) => call({ right: one.right, by, onlyCheck }, one),
    arrivalOf: ({ headers }) => under.get(String(headers[MADE_HEADER] ?? '')) ?? null,
  }
}

/** Guards a call that the hub makes: both makers need the right, now and when the change has its turn. */
export async function enterMade(
  request: FastifyRequest,
  { made: { right, by, within, onlyCheck } }: Made,
  options: GuardOptions,
): Promise<void> {
  const { access } = request.routeOptions.config
  if (request.is404) throw problemFor('not_found')
  if (within) return enterWithin(request, within, onlyCheck, options)
  if (!isAdminRight(access) || (by === null ? !isReading(access) : access !== right))
    throw problemFor('access_denied', 'This call needs another right than the one that was asked for.')
  if (by === null) {
    request.subject = operator
    return
  }
  request.clientIp = by.clientIp
  request.withinChange = by.within ?? null
  let approver: Subject | null = null
  const allowed = (subject: Subject | null, who: string): Subject => {
    if (subject === null) throw problemFor('access_denied', `${who} is not known any more, or is locked.`)
    requireRight(subject, access, request, options)
    return subject
  }
  let asked = 0
  request.authorizeAgain = async () => {
    if (!options.revisions.fresh()) throw problemFor('view_stale')
    // The first change of a route must not stop its second one.
    if (asked++ <= TIMES_OF_GUARD) by.stillMay()
    if (by.approver) approver = allowed(await by.approver(), 'The person who approves')
    const caller = allowed(by.caller(), 'The person who asked')
    requireConfirmation(approver ?? caller, options)
    return caller
  }
  request.mayGive = (subject: Subject, given: GivenRights) => {
    requireGivable(subject, given, options)
    if (approver !== null) requireGivable(approver, given, options)
  }
  request.subject = await request.authorizeAgain()
}

/** Guards a call that the caller of another request makes: only its own rights count, and nothing is changed. */
async function enterWithin(
  request: FastifyRequest,
  within: FastifyRequest,
  onlyCheck: boolean,
  options: GuardOptions,
): Promise<void> {
  const { access } = request.routeOptions.config
  if (!isAdminRight(access) || isReading(access) === onlyCheck)
    throw problemFor(
      'access_denied',
      `This is for calls alone that need a right to ${onlyCheck ? 'change' : 'read'} something.`,
    )
  request.clientIp = within.clientIp
  request.identifyAgain = () => within.identifyAgain()
  request.authorizeAgain = async () => {
    if (!options.revisions.fresh()) throw problemFor('view_stale')
    const subject = await within.identifyAgain()
    if (subject === null) throw problemFor('login_required')
    // A refusal is recorded with the caller.
    request.subject = subject
    return requireCaller(subject, request, options)
  }
  await request.authorizeAgain()
}

/** Asks what holds changes; of a made call, adds who approved it. */
export async function askHolds(
  request: FastifyRequest,
  reply: FastifyReply,
  arrival: Arrival | null,
  { holds = [] }: GuardOptions,
): Promise<unknown> {
  const { access, rows } = request.routeOptions.config
  if (!isAdminRight(access) || isReading(access)) return
  if (arrival !== null && typeof arrival === 'object' && 'made' in arrival) {
    const { by, onlyCheck } = arrival.made
    const approver = await by?.approver?.()
    if (approver && request.allowedBy) request.allowedBy = { ...request.allowedBy, approver: approver.user }
    return onlyCheck ? reply.code(204).send() : undefined
  }
  if (holds.length === 0) return
  const key = keyOf(request)
  const call: AskedCall = {
    right: access,
    method: request.method,
    url: request.url,
    conditions: conditionsOf(request),
    body: request.body ?? undefined,
    caller: request.subject,
    clientIp: request.clientIp,
    id: request.id,
    thing: thingOf(request, key),
    labels: typeof rows === 'object' ? rows.labelsOf(key) : undefined,
  }
  for (const hold of holds) await hold.hold(call)
}

function conditionsOf({ headers }: FastifyRequest): Readonly<Record<string, string>> {
  const names = ['if-match', 'if-none-match'] as const
  return Object.fromEntries(names.flatMap((name) => (headers[name] ? [[name, headers[name]]] : [])))
}

function thingOf({ url, routeOptions }: FastifyRequest, key: string): AskedCall['thing'] {
  const at = (routeOptions.url ?? '').split('/').findIndex((part) => part.startsWith(':'))
  const parts = url.split('?', 1)[0]?.split('/') ?? []
  return at === -1 ? null : { path: parts.slice(0, at + 1).join('/'), key }
}
