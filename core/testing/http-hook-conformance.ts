import { headerOwner, isReservedInResponse } from '../api/header-names.ts'
import type {
  BodyTransform,
  HttpRefusal,
  HttpRequest,
  HttpRequestContext,
  HttpResponse,
} from '../api/http-hooks.ts'
import { messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { isHeaderLine } from '../wire/header-line.ts'
import type { ConformTest } from './conformance-test.ts'
import { testQuery } from './policy-conformance.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

/** Inputs of `conformHttpHooks`. */
export interface ConformHttpHooksOptions extends TestHostOptions {
  /** More requests that the plugin sees. */
  readonly requests?: readonly HttpRequest[]
}

const REASON = /^[a-z][a-z0-9_]{0,63}$/
const LONGEST_MESSAGE = 1_024
const TARGET = /^[\x21\x22\x24-\x7e]*$/
const BODILESS = [204, 205, 304]
/** Long enough for a refusal that waits for a timer or a file. */
const LATE_MS = 100

const LINES = [
  'Accept',
  '*/*',
  'accept',
  'text/html',
  'Cookie',
  'a=1; b="2"',
  'X-Empty',
  '',
  'X-Long',
  'x'.repeat(4_096),
]
const REQUESTS: readonly HttpRequest[] = [
  { method: 'GET', path: '/', query: null, headers: [] },
  { method: 'POST', path: '/a%2Fb/%C3%A9;v=1', query: 'a=1&a=%00&b', headers: LINES },
  { method: 'OPTIONS', path: `/${'x'.repeat(4_096)}`, query: '', headers: LINES },
  { method: 'GET', path: '/__proto__/constructor', query: '__proto__=1', headers: ['__proto__', 'x'] },
]
const RESPONSES: readonly HttpResponse[] = [
  { status: 200, headers: ['Content-Type', 'text/html', 'content-length', '5', 'Set-Cookie', 'a=1'] },
  ...[204, 302, 304, 404, 500].map((status) => ({ status, headers: ['Location', '/x', '__proto__', 'x'] })),
]

/**
 * Checks taps of `http.request` and `http.response`: every request and response passes, changed within the rules of the
 * contract, or is refused with a reason, also one without a person; and refusals come before the tap returns.
 */
export function conformHttpHooks(
  t: ConformTest,
  plugin: AnyPlugin,
  { requests = [], ...host }: ConformHttpHooksOptions = {},
): void {
  const visits = [...REQUESTS, ...requests].flatMap((request) =>
    [testQuery().subject, null].map((subject) => ({ request: freeze(request), subject })),
  )
  const named = ({ request, subject }: (typeof visits)[number]) =>
    `${request.method} ${request.path.slice(0, 40)} of ${subject?.user ?? 'a preflight'}`

  t.test('it taps http.request or http.response', async (t) => {
    const hooks = createTestHost(plugin, host).taps.map(({ hook }) => hook)
    t.ok(hooks.includes('http.request') || hooks.includes('http.response'), hooks.join(', ') || 'no taps')
  })

  t.test('every request passes or is refused, and changes keep the rules', async (t) => {
    const { calls } = createTestHost(plugin, host)
    for (const visit of visits) {
      const refusals: unknown[] = []
      const fault = faultIn(() => {
        const context = contextOf(visit.subject, (...refusal) => void refusals.push(refusal))
        calls.http.request(visit.request, context, {
          accept: (answer) => checkedRequest(answer, visit.request),
        })
        for (const refusal of refusals as [string | HttpRefusal, unknown][]) checkRefusal(...refusal)
      })
      t.ok(fault === null, `${named(visit)}: ${fault ?? 'no error'}`)
    }
  })

  t.test('a refusal comes before the tap returns', async (t) => {
    const { calls } = createTestHost(plugin, host)
    const late: string[] = []
    for (const visit of visits) {
      let over = false
      const refuse = () => void (over && late.push(named(visit)))
      // The test above reports errors.
      faultIn(() => calls.http.request(visit.request, contextOf(visit.subject, refuse)))
      over = true
    }
    await new Promise((resolve) => setTimeout(resolve, LATE_MS))
    t.ok(late.length === 0, late.join(', ') || 'no late refusal')
  })

  t.test('every response passes, and changes keep the rules', async (t) => {
    const { calls } = createTestHost(plugin, host)
    for (const response of RESPONSES) {
      for (const { request, subject } of visits) {
        const { app } = testQuery()
        const verified = subject === null ? 'preflight' : null
        const about = {
          app,
          subject,
          verified,
          requestId: 'request-1',
          method: request.method,
          path: request.path,
        }
        const context = { ...about, transform: checkTransform }
        const accept = (answer: HttpResponse) => checkedResponse(answer, response)
        const fault = faultIn(() => calls.http.response(freeze(response), Object.freeze(context), { accept }))
        t.ok(fault === null, `${response.status} to ${request.method}: ${fault ?? 'no error'}`)
      }
    }
  })
}

const freeze = <T extends { readonly headers: readonly string[] }>(message: T): T =>
  Object.freeze({ ...message, headers: Object.freeze([...message.headers]) })

const contextOf = (
  subject: HttpRequestContext['subject'],
  refuse: HttpRequestContext['refuse'],
): HttpRequestContext =>
  Object.freeze({
    app: testQuery().app,
    subject,
    verified: subject === null ? 'preflight' : null,
    clientIp: '203.0.113.7',
    requestId: 'request-1',
    upgrade: false,
    refuse,
    transform: checkTransform,
  })

function faultIn(run: () => void): string | null {
  try {
    run()
    return null
  } catch (error) {
    return messageOf(error)
  }
}

/** Statuses on which browsers and proxies act by themselves. */
const KEPT = [401, 407, 421, 431]

function checkRefusal(given: string | HttpRefusal, text?: unknown): void {
  const refusal: Partial<Record<keyof HttpRefusal, unknown>> =
    typeof given === 'object' ? given : { reason: given, message: text }
  const { status = 403, reason, message = '', headers = {} } = refusal
  if (
    !Number.isInteger(status) ||
    Number(status) < 400 ||
    Number(status) > 599 ||
    KEPT.includes(Number(status))
  )
    throw new TypeError(`it refused with the status ${status}`)
  checkLines(Object.entries(headers as object).flat(), isReservedInResponse)
  if (typeof reason !== 'string' || !REASON.test(reason))
    throw new TypeError(`the reason ${JSON.stringify(reason)} is not in snake_case`)
  if (typeof message !== 'string' || message.length > LONGEST_MESSAGE)
    throw new TypeError(`the message of ${reason} is not a text of at most ${LONGEST_MESSAGE} characters`)
}

function checkedRequest(answer: HttpRequest, given: HttpRequest): HttpRequest {
  const { method, path, query, headers } = Object(answer) as HttpRequest
  if (method !== given.method) throw new TypeError('it changed the method')
  if (typeof path !== 'string' || !path.startsWith('/') || !TARGET.test(path) || path.includes('?'))
    throw new TypeError('it returned an invalid path')
  if (query !== null && (typeof query !== 'string' || !TARGET.test(query)))
    throw new TypeError('it returned an invalid query')
  if (headers !== given.headers)
    checkLines(headers, (name) => headerOwner(name) === 'own' || headerOwner(name) === 'hub')
  return answer
}

function checkedResponse(answer: HttpResponse, given: HttpResponse): HttpResponse {
  const { status, headers } = Object(answer) as HttpResponse
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new TypeError(`it returned the status ${status}`)
  if (BODILESS.includes(status) !== BODILESS.includes(given.status))
    throw new TypeError(`it returned the status ${status} for ${given.status}`)
  checkLines(headers, isReservedInResponse)
  if (lengthsOf(headers) !== lengthsOf(given.headers)) throw new TypeError('it changed content-length')
  return answer
}

function checkLines(headers: unknown, isReserved: (name: string) => boolean): void {
  if (!Array.isArray(headers) || headers.length % 2 !== 0 || headers.some((one) => typeof one !== 'string'))
    throw new TypeError('it returned headers that are not names and values')
  for (let at = 0; at < headers.length; at += 2) {
    const name: string = headers[at]
    if (!isHeaderLine(name, headers[at + 1]) || isReserved(name.toLowerCase()))
      throw new TypeError(`it may not set the header ${JSON.stringify(name)}`)
  }
}

/** A body in pieces of every size, and none. */
const PIECES = ['<html><body>', '\0', 'ü', 'x'.repeat(65_536), '</body></html>'].map((text) =>
  Buffer.from(text),
)
const MOST_BYTES = 1 << 20

function checkTransform(make: () => BodyTransform): void {
  const results = [PIECES, PIECES, []].map((pieces) => {
    const transform = make()
    const bytes = [...pieces.map((piece) => transform.write(piece)), transform.end()]
    if (!bytes.every((one) => one instanceof Uint8Array))
      throw new TypeError('a transform returned something other than bytes')
    const [came, went] = [pieces, bytes].map((all) => all.reduce((sum, { length }) => sum + length, 0))
    const most = transform.maxBytes ?? MOST_BYTES
    if (Math.abs(came! - went!) > most)
      throw new RangeError(`a transform added or kept more than ${most} bytes`)
    return Buffer.concat(bytes)
  })
  if (!results[0]!.equals(results[1]!)) throw new TypeError('a transform depends on the body before')
}

const lengthsOf = (lines: readonly string[]): string =>
  lines.filter((_, at) => at % 2 === 1 && /^content-length$/i.test(lines[at - 1] ?? '')).join()
