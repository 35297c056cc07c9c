import { Problem } from '@mezite/core'
import type { Caller } from '@mezite/core/identity'
import {
  type Admission,
  addressKey,
  type ConnectionInfo,
  type HubResponse,
  isNavigation,
  REASON_HEADER,
  type Refusal,
} from '@mezite/core/protocol'
import type { Client } from '../client/client.ts'
import { languageOf, TranslatedProblem } from '../client/response.ts'
import { readWhole } from '../client/whole-body.ts'
import type { Deps } from '../deps.ts'
import type { HeldBody } from '../held/held-body.ts'
import { type Continuation, type HoldCall, heldIdOf, hold, resume } from '../held/hold.ts'
import { hiddenWith, readOperations } from '../operations/read-operations.ts'
import { problemAbout, problemFor } from '../reasons.ts'
import { type AppRequest, kindFor, originAllowed } from '../request/app-request.ts'
import { recordFailure } from '../request/refusal-log.ts'
import { texts, titleOf } from '../texts.ts'
import { challengeLines } from './challenge-lines.ts'
import { programPage } from './program-refusal.ts'
import { credentialText, helpOf, refuse, refuseOperation } from './refusal-response.ts'
import { fieldsOf } from './resent-form.ts'
import { isHubPath } from './reserved-routes.ts'
import { signInResponse } from './sign-in-response.ts'
import { unidentified } from './unidentified.ts'

/** A request that may be forwarded. */
export interface Admitted {
  readonly kind: 'admitted'
  readonly request: AppRequest
  readonly admission: Admission
  /** Ends the request in the hub's own name; set once its exchange runs. */
  fail?: (problem: Problem) => void
  /** Lower-case names of the headers that the app must not see; null if there are none. */
  readonly hides: readonly string[] | null
  /**
   * Names the sharer of the app that the request counts against: the person or, for a preflight, which anyone can send
   * without an identity, the address. No user name begins with a line feed.
   */
  readonly sharer: string
  /** The body, if a verifier had to read it. */
  readonly body: Buffer | null
  /** The body of a request that was held; it ends with the request. */
  readonly held?: HeldBody
}

/**
 * Asks the gate for access to the app of the request, for a browser or, with `certified`, for a stream of msh, which
 * reaches one app. Before sign-in all hosts respond alike. Synchronous unless the entry of a credential waits, or the hub
 * does not know the session yet.
 */
export function admit(
  deps: Deps,
  request: AppRequest,
  certified?: ConnectionInfo['certified'],
  client?: Client,
): Admitted | HubResponse | Promise<Admitted | HubResponse> {
  const { app } = request
  const protocol = kindFor(deps.catalog, app)
  if (
    certified &&
    app?.protocol === protocol &&
    (request.host.host !== app.publicAddr || isHubPath(request.target))
  )
    return refuse(deps, request, problemAbout('misdirected', titleOf(app)))
  const asked: Asked = { deps, request, protocol, certified: certified !== undefined, client }
  const who = callerOf(asked, certified)
  return who instanceof Promise ? who.then((late) => decide(asked, late)) : decide(asked, who)
}

function callerOf({ deps, request }: Asked, certified: ConnectionInfo['certified']) {
  const proved = certified && ({ kind: 'cert', sessionId: certified.sessionId } as const)
  return deps.access.callers.ofRequest(request, proved)
}

/** Continues the held request that this one asks for; null: it asks for none. */
export function continueHeld(
  deps: Deps,
  request: AppRequest,
  certified: ConnectionInfo['certified'],
  client: Client,
): Promise<Admitted | HubResponse> | null {
  const id = heldIdOf(request)
  if (id === null) return null
  const protocol = kindFor(deps.catalog, request.app)
  const asked: Asked = { deps, request, protocol, certified: certified !== undefined, client }
  const resumed = async () => {
    const who = await callerOf(asked, certified)
    return fromHold(who, await resume(holdCall(asked, client, who, null), id))
  }
  return resumed()
}

function fromHold(who: Caller | null, next: Continuation): Admitted | HubResponse {
  if ('status' in next) return next
  const { admission, body, request } = next
  const [sharer, hides] = [sharerOf(admission, request), hiddenWith(request, hidesOf(who))]
  return { kind: 'admitted', request, admission, hides, sharer, body: null, held: body }
}

function holdCall(asked: Asked, client: Client, who: Caller | null, whole: Buffer | null): HoldCall {
  const { deps, request, certified } = asked
  const program = certified || isProgram(who)
  return {
    ...{ deps, request, client, whole, program, page: !program && isNavigation(request) },
    ask: async ({ request, met, objection }) =>
      askGate({ ...asked, request }, who, {
        ...(met !== undefined && { met }),
        ...(objection !== undefined && { objection }),
      }),
    refuse: async (refusal) => (await responseTo(asked, refusal, who)) as HubResponse,
  }
}

type Eventually<T> = T | Promise<T>
type Outcome = Eventually<Admitted | HubResponse>

/** A request on its way through the gate. */
interface Asked {
  readonly deps: Deps
  readonly request: AppRequest
  readonly protocol: string
  readonly certified: boolean
  readonly client: Client | undefined
}

/** Asks verifiers about a request without a credential, and about one of a browser whose session has ended. */
function decide(asked: Asked, who: Caller | null): Outcome {
  if (who === null) return verified(asked) ?? admitted(asked, null)
  // Only an app with a part of a plugin has rules that stand above a session.
  const early = asked.request.app?.plugins !== undefined && isCookie(who) ? verified(asked, true) : null
  if (early !== null) return early
  const outcome = askGate(asked, who)
  return outcome instanceof Promise
    ? outcome.then((late) => orVerified(asked, who, late))
    : orVerified(asked, who, outcome)
}

/** A browser sends its cookie whatever page asks, so one that has ended says nothing about the request. */
function orVerified(asked: Asked, who: Caller, outcome: Admission | Refusal): Outcome {
  const hasEnded = outcome.outcome === 'unauthenticated' && isCookie(who)
  return (hasEnded ? verified(asked) : null) ?? settle(asked, who, outcome)
}

const isCookie = (who: Caller): boolean => who.kind === 'app' && hidesOf(who) === null

/** The result for a request that a verifier admits, or whose body it wants to see; null: none does. */
function verified(asked: Asked, cookie = false): Outcome | null {
  const { deps, request, client } = asked
  const asking = unidentified(request)
  const found = asking && deps.access.verify(asking, cookie)
  if (found === null) return null
  if (!('limit' in found)) return admitted(asked, found)
  if (client === undefined) return null
  return readWhole(client, request, found.limit).then(async (body) =>
    body === null ? admitted(asked, found.unread) : admitted(asked, await found.check(body), body),
  )
}

function admitted(asked: Asked, who: Caller | null, body: Buffer | null = null): Outcome {
  const outcome = askGate(asked, who)
  return outcome instanceof Promise
    ? outcome.then((late) => settle(asked, who, late, body))
    : settle(asked, who, outcome, body)
}

function settle(
  asked: Asked,
  who: Caller | null,
  outcome: Admission | Refusal,
  body: Buffer | null = null,
): Outcome {
  return outcome.outcome === 'admitted'
    ? {
        kind: 'admitted',
        request: asked.request,
        admission: outcome,
        hides: asked.request.operations ? hiddenWith(asked.request, hidesOf(who)) : hidesOf(who),
        sharer: sharerOf(outcome, asked.request),
        body,
      }
    : responseTo(asked, outcome, who, body)
}

function askGate(
  { deps, request, protocol }: Asked,
  who: Caller | null,
  more?: Pick<Parameters<Deps['access']['admit']>[0], 'met' | 'objection'>,
): Eventually<Admission | Refusal> {
  const { app } = request
  return deps.access.admit({
    who,
    app,
    protocol,
    clientIp: request.clientIp,
    requestId: request.requestId,
    interactive: !isProgram(who) && isNavigation(request),
    request,
    objection:
      app !== undefined && !originAllowed(request, app, deps.publicNames) ? 'origin_not_allowed' : null,
    ...more,
  })
}

const sharerOf = ({ subject }: Admission, { clientIp }: AppRequest): string =>
  subject?.user ?? `\n${addressKey(clientIp)}`

const hidesOf = (who: Caller | null) => (who !== null && 'hides' in who ? (who.hides ?? null) : null)

/** Whether the request has the credential of a program, which cannot follow a redirect to the sign-in. */
const isProgram = (who: Caller | null) => hidesOf(who) !== null || who?.kind === 'refused'

function responseTo(asked: Asked, refusal: Refusal, who: Caller | null, body: Buffer | null = null): Outcome {
  const { deps, request, certified, client } = asked
  const { access } = deps
  const { app } = request
  const { status, code, subject, message, link } = refusal
  const program = isProgram(who)
  const maxAgeMs = refusal.requirements[0]?.maxAgeMs ?? null
  const give = (problem: Problem, lines: readonly string[] = []) => {
    // A browser's script is led to the confirmation as for every other request.
    const own = program || refusal.outcome === 'denied' ? refuseOperation(request, problem, app) : undefined
    if (own !== undefined) return own
    const more = program ? challengeLines(deps, request, problem, true, maxAgeMs) : []
    return refuse(deps, request, problem, { app, subject, lines: [...lines, ...more] })
  }
  const verified = who?.kind === 'verified' ? who.rule : null
  const rule = who?.kind === 'refused' ? who.rule : undefined
  /** The gate records the refusals of people whom it knows, and of certificates. */
  const fail = (problem: Problem, lines?: readonly string[]) => {
    if (subject === null && !certified) recordFailure(deps.audit, request, problem, { app, verified, rule })
    return give(problem, lines)
  }
  const name = app === undefined ? 'This application' : titleOf(app)
  switch (refusal.outcome) {
    case 'stale':
      return fail(problemFor('view_stale'))
    case 'unauthenticated':
      if (program) return fail(new Problem(status, code, credentialText(code)))
      if (!certified) return signInResponse(deps, request, { code, known: subject !== null })
      return fail(new Problem(status, code, 'This login has ended. Sign in again: msh login'))
    case 'required': {
      const reader = request.operations === undefined ? access.readerFor(refusal) : undefined
      if (reader !== undefined && client !== undefined)
        return readOperations({ deps, request, client }, refusal, reader).then(async (read) => {
          if (read instanceof Problem) {
            const seen = await askGate(asked, who, { objection: read.code })
            if (seen.outcome === 'admitted') seen.close()
            return give(read)
          }
          const again = { ...asked, request: read.request }
          return settle(again, who, await askGate(again, who), read.body)
        })
      const entry = access.holdFor(refusal)
      if (entry !== undefined && client !== undefined)
        return hold(holdCall(asked, client, who, body), refusal, entry).then((next) => fromHold(who, next))
      if (!certified && !program) {
        const options = { code, known: true, required: true }
        if (client === undefined || body !== null || request.length === undefined || !isNavigation(request))
          return signInResponse(deps, request, options)
        return fieldsOf(deps, request, client).then((fields) =>
          signInResponse(deps, request, { ...options, fields }),
        )
      }
      const page = programPage(deps, refusal, app)
      const text =
        page === null
          ? `${name} has requirements that this login cannot meet.`
          : `${name} needs your passkey: open challenge_url in a browser, then send the request again.`
      const how = maxAgeMs !== null && !certified ? 401 : status
      // So that msh, which does not read bodies, opens the page.
      const lines = certified && page !== null ? [REASON_HEADER, code] : []
      return give(new Problem(how, code, text, page === null ? {} : { challenge_url: page }), lines)
    }
    case 'denied': {
      const language = isNavigation(request) ? languageOf(deps.pages, request) : 'en'
      if (code === 'origin_not_allowed') return fail(problemAbout(code, name))
      const why = message ?? deps.pages.reasonOf(code)?.[language] ?? ''
      const text = `${texts[language].denied(subject?.user ?? '', name)} ${why}`.trimEnd()
      const { help, lines, reason } = helpOf(deps, request, refusal)
      const members = { ...(link !== null && { link }), ...(help.length > 0 && { help }) }
      return fail(new TranslatedProblem(status, reason ?? code, text, members), lines)
    }
    case 'disabled':
      return fail(problemAbout('app_disabled', name))
    case 'unavailable':
      return fail(problemFor(code === 'audit_unavailable' ? code : 'app_unknown'))
  }
}
