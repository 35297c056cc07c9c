import type { App, Problem, Subject } from '@mezite/core'
import type { HubResponse, Refusal } from '@mezite/core/protocol'
import { languageOf, personOf, problemResponse, type ShownHelp, textResponse } from '../client/response.ts'
import type { Deps } from '../deps.ts'
import { problemFor } from '../reasons.ts'
import type { AppRequest } from '../request/app-request.ts'
import { publicOrigin, readableBy } from '../request/origin.ts'
import { launchLink } from './sign-in-response.ts'

/** What plugins offer to somebody whom no policy lets in, and header lines that the links need. */
export function helpOf(
  deps: Deps,
  request: AppRequest,
  { code: reason, subject }: Refusal,
): { readonly help: readonly ShownHelp[]; readonly lines: readonly string[]; readonly reason?: string } {
  const { app } = request
  if (subject === null || app === undefined) return { help: [], lines: [] }
  const { access, pages, publicNames } = deps
  const url = publicOrigin(request.host.host, publicNames) + request.target
  const offers = access.helpFor({ subject, app, reason, url, language: languageOf(pages, request) })
  if (offers.length === 0) return { help: [], lines: [] }
  // The page of the sign-in host about the same denial has the forms.
  const launch = launchLink(deps, request)
  const help = offers.map(({ title, text, path }) => ({
    title,
    text,
    url: path === undefined ? launch.url : publicNames.signInOrigin + path,
  }))
  const shown = offers.find((one) => one.reason !== undefined)?.reason
  return { help, lines: launch.lines, ...(shown !== undefined && { reason: shown }) }
}

const CREDENTIAL_FAULTS = ['verification_failed', 'credentials_ambiguous', 'too_many_requests'] as const

export const credentialText = (code: string): string =>
  problemFor(CREDENTIAL_FAULTS.find((one) => one === code) ?? 'credential_failed').message

/** What a refusal shows beside its problem, and to whom. */
interface Shown {
  readonly app?: App | undefined
  readonly subject?: Subject | null
  readonly lines?: readonly string[]
}

/** The response to a refusal at the host of an app. */
export function refuse(
  { pages }: Deps,
  request: AppRequest,
  problem: Problem,
  { app, subject = null, lines = [] }: Shown = {},
): HubResponse {
  const all = ['Vary', 'Origin', ...lines, ...readableBy(request, app)]
  return problemResponse(pages, request, problem, all, personOf(subject))
}

/** The same refusal in the form of the protocol whose operations were read; undefined if the request was not read, or has no such form. */
export function refuseOperation(
  request: AppRequest,
  { status, code, message, members }: Problem,
  app: App | undefined,
): HubResponse | undefined {
  const { operations, requestId } = request
  const made = operations?.refuse({ status, code, message, requestId, members })
  if (made == null) return undefined
  const all = ['Vary', 'Origin', ...readableBy(request, app)]
  return textResponse(made.status, made.body, made.contentType, all)
}
