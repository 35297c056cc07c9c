import type { HttpResponse } from '@mezite/core'
import { isReservedInResponse } from '@mezite/core/protocol'
import type { Deps } from '../deps.ts'
import { withoutDomain } from '../request/cookies.ts'
import { isHeaderLine } from '../request/header-text.ts'
import { isLines } from '../request/request-hook.ts'
import type { Admitted } from '../session/admission.ts'
import { pathOf } from './outcome.ts'

const BODILESS = [204, 205, 304]

/**
 * Passes a final response with this status and these header lines through `http.response`. Throws for a result that
 * cannot be sent, and what a tap throws: then nothing of the response may pass.
 */
export function throughResponseHook(
  deps: Deps,
  { request, admission }: Admitted,
  target: string,
  status: number,
  lines: readonly string[],
): HttpResponse {
  const { app, subject, requestId } = admission
  const given: HttpResponse = Object.freeze({ status, headers: Object.freeze([...lines]) })
  const context = Object.freeze({ app, subject, requestId, method: request.method, path: pathOf(target) })
  const made: HttpResponse = deps.httpHooks.response(given, context)
  const { status: now, headers } = Object(made) as HttpResponse
  if (
    !Number.isInteger(now) ||
    now < 200 ||
    now > 599 ||
    BODILESS.includes(now) !== BODILESS.includes(status)
  )
    throw new TypeError(`a tap of http.response returned the status ${now} for ${status}`)
  if (headers === given.headers) return made
  if (!isLines(headers))
    throw new TypeError('a tap of http.response returned headers that are not names and values')
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string]
    const lower = name.toLowerCase()
    const ours = isReservedInResponse(lower) || (lower === 'set-cookie' && withoutDomain(value) !== value)
    if (ours || !isHeaderLine(name, value))
      throw new TypeError(`a tap of http.response may not set the header ${JSON.stringify(name)}`)
  }
  if (lengthsOf(headers) !== lengthsOf(given.headers))
    throw new TypeError('a tap of http.response may not change content-length')
  return made
}

function lengthsOf(lines: readonly string[]): string {
  return lines.filter((_, i) => i % 2 === 1 && /^content-length$/i.test(lines[i - 1] as string)).join()
}
