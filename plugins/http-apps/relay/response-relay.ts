import type { HttpResponse } from '@mezite/core'
import { isHeaderLine, isReservedInResponse } from '@mezite/core/protocol'
import type { OperationResponse } from '@mezite/core/types'
import type { Client } from '../client/client.ts'
import type { Deps } from '../deps.ts'
import { type AppMapping, publicAddresses } from '../request/app-mapping.ts'
import { pathOf } from '../request/app-request.ts'
import { BodyPipeline, type NamedTransform } from '../request/body-pipeline.ts'
import { withoutDomain } from '../request/cookies.ts'
import { isForbiddenTrailer, learnResponseName, responseNames } from '../request/header-names.ts'
import type { Admitted } from '../session/admission.ts'
import type { ResponseHead } from '../upstream/response-parser.ts'
import { isLines } from './request-hook.ts'

const HSTS = 'max-age=31536000'

/** Is notified that a plugin could not change a body. */
export interface BodyFailures {
  onbodyfailed(error: unknown): void
}

/** Passes an app's response on to the browser as it arrives, filtered. */
export class ResponseRelay {
  readonly #deps: Deps
  readonly #client: Client
  readonly #mapping: AppMapping
  readonly #watcher: BodyFailures
  /** The head of the final response is out. */
  begun = false
  /** The response is complete. */
  ended = false
  /** The app's body is not passed on. */
  #bodiless = false
  /** What plugins do to the body. */
  #pipeline: BodyPipeline | null = null

  constructor(deps: Deps, client: Client, mapping: AppMapping, watcher: BodyFailures) {
    this.#watcher = watcher
    this.#deps = deps
    this.#client = client
    this.#mapping = mapping
  }

  /** An interim response (RFC 9110 section 15.2). The hub sends 100 itself. */
  inform(status: number, lines: readonly string[]): void {
    if (status !== 100) this.#client.inform(status, responseLines(lines, this.#mapping, status))
  }

  /** The header lines of a response of this status as the browser may see them. */
  lines({ lines, status }: Pick<ResponseHead, 'lines' | 'status'>): string[] {
    return this.#secured(responseLines(lines, this.#mapping, status))
  }

  #secured(lines: string[]): string[] {
    if (this.#deps.publicNames.hsts === true) lines.push('Strict-Transport-Security', HSTS)
    return lines
  }

  /**
   * Sends the head of the final response to a request for `target`. Returns the status that the browser sees, or null when
   * the head cannot be written. Throws what a tap of `http.response` throws.
   */
  head(head: ResponseHead, admitted: Admitted, target: string): number | null {
    let { status, length } = head
    let lines = responseLines(head.lines, this.#mapping, status)
    const transforms =
      admitted.request.operations === undefined
        ? []
        : operationTransforms(admitted, { status, headers: lines })
    if (!this.#deps.httpHooks.response.empty) {
      const made = throughResponseHook(this.#deps, admitted, target, status, lines)
      ;({ status, lines } = { status: made.status, lines: [...made.headers] })
      transforms.push(...made.transforms)
    }
    if (transforms.length > 0) {
      lines = withoutListed(lines, LENGTHS)
      length = null
      if (head.hasBody) this.#pipeline = new BodyPipeline(transforms)
    }
    this.#secured(lines)
    // 205 has no content (RFC 9110 section 15.3.6), whatever the app says.
    this.#bodiless = status === 205
    if (this.#bodiless) lines.push('Content-Length', '0')
    const sent = this.#bodiless ? { ...head, status, hasBody: false, length: 0 } : { ...head, status, length }
    this.begun = this.#client.head(sent, lines)
    return this.begun ? status : null
  }

  /** Returns false when the browser is slow: wait for `onclientdrain`. */
  write(chunk: Buffer, last: boolean): boolean {
    if (this.#pipeline !== null && !this.#bodiless) {
      // The rest follows with `end`.
      const bytes = this.#through((pipeline) => pipeline.write(chunk))
      return bytes === null || bytes.length === 0 || this.#client.write(bytes)
    }
    if (!last) return this.#bodiless || this.#client.write(chunk)
    this.ended = true
    this.#client.end(this.#bodiless ? null : chunk, [])
    return true
  }

  end(trailers: readonly string[]): void {
    if (this.ended) return
    if (this.#pipeline !== null && !this.#bodiless) {
      const rest = this.#through((pipeline) => pipeline.end())
      if (rest === null) return
      if (rest.length > 0) this.#client.write(rest)
    }
    this.ended = true
    this.#client.end(null, this.#bodiless ? [] : responseTrailers(trailers))
  }

  /** Null: a plugin could not change the body, and the response was cut, so that it never looks complete. */
  #through(change: (pipeline: BodyPipeline) => Buffer): Buffer | null {
    try {
      return change(this.#pipeline!)
    } catch (error) {
      this.#watcher.onbodyfailed(error)
      return null
    }
  }
}

/** What the reader of the request's operations does to the response, before plugins see it. */
function operationTransforms({ request }: Admitted, head: OperationResponse): NamedTransform[] {
  const make = request.operations?.response?.(head) ?? null
  return make === null ? [] : [{ plugin: 'operationReaders', make }]
}

const TAKEN = new Set(['cookies', '*'])

/**
 * Header lines of an app's response as the browser may see them: without hop-by-hop lines, names of the hub, cookies for
 * sibling hosts, a `Clear-Site-Data` that would sign the person out elsewhere, and a length where none is allowed
 * (RFC 9110 section 8.6), which would end an HTTP/2 stream.
 */
function responseLines(lines: readonly string[], mapping: AppMapping, status: number): string[] {
  const { responseSetLines: added } = mapping
  // Of its final size at once: a list that grows takes twice the memory.
  const kept = new Array<string>(lines.length + added.length)
  let count = 0
  const sized = status >= 200 && status !== 204 && status !== 205
  let listed: Set<string> | undefined
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] as string
    const { lower, fate } = responseNames.get(name) ?? learnResponseName(name)
    if (fate === 'drop' || (fate === 'length' && !sized)) continue
    if (fate === 'connection') {
      listed = listedNames(lines[i + 1] as string, listed)
      continue
    }
    if (mapping.droppedInResponse?.has(lower)) continue
    const given = lines[i + 1] as string
    const value = fate === 'changed' ? responseValue(lower, given, mapping) : given
    if (value === undefined) continue
    kept[count] = name
    kept[count + 1] = value
    count += 2
  }
  kept.length = count
  const passed = listed === undefined ? kept : withoutListed(kept, listed)
  if (added.length > 0) passed.push(...added)
  return passed
}

const withoutListed = (lines: readonly string[], listed: ReadonlySet<string>): string[] =>
  lines.filter((_, i) => !listed.has((lines[i - (i % 2)] as string).toLowerCase()))

/** Trailers that may be merged safely, as pairs. */
function responseTrailers(lines: readonly string[]): [string, string][] {
  const kept: [string, string][] = []
  for (let i = 0; i + 1 < lines.length; i += 2)
    if (!isForbiddenTrailer((lines[i] as string).toLowerCase()))
      kept.push([lines[i] as string, lines[i + 1] as string])
  return kept
}

function responseValue(lower: string, value: string, mapping: AppMapping): string | undefined {
  switch (lower) {
    case 'set-cookie':
      return withoutDomain(value)
    case 'location':
    case 'content-location':
    case 'link':
    case 'refresh':
      return publicAddresses(lower, value, mapping)
    case 'clear-site-data':
      return keptSiteData(value)
    default:
      return value
  }
}

function keptSiteData(value: string): string | undefined {
  const kept = value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => !TAKEN.has(part.replaceAll('"', '').trim().toLowerCase()))
  return kept.length === 0 ? undefined : kept.join(', ')
}

function listedNames(value: string, before: Set<string> | undefined): Set<string> | undefined {
  const names = before ?? new Set<string>()
  for (const token of value.split(',')) {
    const name = token.trim().toLowerCase()
    // Naming a line of framing or identity changes nothing: those are decided elsewhere.
    if (name !== '' && name !== 'close' && name !== 'keep-alive' && name !== 'content-length') names.add(name)
  }
  return names.size === 0 ? undefined : names
}

const LENGTHS: ReadonlySet<string> = new Set(['content-length'])
const BODILESS = [204, 205, 304]

/**
 * Passes a final response with this status and these header lines through `http.response`. Throws for a result that
 * cannot be sent, and what a tap throws: then nothing of the response may pass.
 */
function throughResponseHook(
  deps: Deps,
  { request, admission }: Admitted,
  target: string,
  status: number,
  lines: readonly string[],
): HttpResponse & { readonly transforms: readonly NamedTransform[] } {
  const { app, subject, verified, requestId } = admission
  const transforms: NamedTransform[] = []
  let over = false
  const given: HttpResponse = Object.freeze({ status, headers: Object.freeze([...lines]) })
  const about = { app, subject, verified, requestId, method: request.method, path: pathOf(target) }
  const contextFor = (plugin: string) =>
    Object.freeze({
      ...about,
      transform(make: NamedTransform['make']) {
        if (over) throw new Error('call transform() in the tap')
        transforms.push({ plugin, make })
      },
    })
  try {
    const accept = (answer: HttpResponse) => acceptedResponse(answer, given)
    return { ...deps.httpHooks.response(given, contextFor(''), { contextFor, accept }), transforms }
  } finally {
    over = true
  }
}

/** A copy of the answer of one tap, which no plugin can change afterwards. `given` is the response of the app. */
function acceptedResponse(answer: unknown, given: HttpResponse): HttpResponse {
  const { status } = given
  const { status: now, headers } = Object(answer) as HttpResponse
  if (
    !Number.isInteger(now) ||
    now < 200 ||
    now > 599 ||
    BODILESS.includes(now) !== BODILESS.includes(status)
  )
    throw new TypeError(`it returned the status ${now} for ${status}`)
  if (!isLines(headers)) throw new TypeError('it returned headers that are not names and values')
  const lines = [...headers]
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [name, value] = [lines[i] as string, lines[i + 1] as string]
    const lower = name.toLowerCase()
    const ours = isReservedInResponse(lower) || (lower === 'set-cookie' && withoutDomain(value) !== value)
    if (ours || !isHeaderLine(name, value))
      throw new TypeError(`it may not set the header ${JSON.stringify(name.slice(0, 64))}`)
  }
  if (lengthsOf(lines) !== lengthsOf(given.headers))
    throw new TypeError('it may not change the header "content-length"')
  return Object.freeze({ status: now, headers: Object.freeze(lines) })
}

function lengthsOf(lines: readonly string[]): string {
  return lines.filter((_, i) => i % 2 === 1 && /^content-length$/i.test(lines[i - 1] as string)).join()
}
