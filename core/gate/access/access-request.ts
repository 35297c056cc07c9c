import type { AccessQuery, AccessRequest, ReceivedRequest } from '../../api/decision.ts'
import { decoded, readingsOf } from './path-readings.ts'

/** What decoders of paths disagree about: parameters, backslashes, an encoding in an encoding, control characters. */
const UNCLEAR = /[;\\/\p{Cc}]|%[0-9a-f]{2}/iu

/** A query that notices whether a policy looks at the request, which is read only then. No tap can change it for others. */
export class RequestQuery implements AccessQuery {
  readonly subject: AccessQuery['subject']
  readonly app: AccessQuery['app']
  readonly context: AccessQuery['context']
  readonly #received: ReceivedRequest | null
  #read: AccessRequest | null | undefined
  #isAsked = false

  constructor({ subject, app, context }: Omit<AccessQuery, 'request'>, received: ReceivedRequest | null) {
    this.subject = subject
    this.app = app
    this.context = Object.freeze({ ...context })
    this.#received = received
    Object.freeze(this)
  }

  get request(): AccessRequest | null {
    this.#isAsked = true
    return RequestQuery.requestOf(this)
  }

  /** The request, for `Vote.byRequest`. */
  static requestOf(query: AccessQuery): AccessRequest | null {
    if (!(query instanceof RequestQuery)) return query.request
    if (query.#read === undefined) query.#read = query.#received && readAccessRequest(query.#received)
    return query.#read
  }

  /** Whether a policy has looked at the request itself. */
  static isAsked(query: RequestQuery): boolean {
    return query.#isAsked
  }
}

/** A request for policies. Its path is decoded when a policy looks at it, in one of two ways. Frozen: policies share it. */
class ReadRequest implements AccessRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly webSocket: boolean
  readonly operations: AccessRequest['operations']
  #segments: AccessRequest['segments'] | undefined
  #readings: AccessRequest['readings'] | undefined

  constructor({ method, target, upgrade = false, operations }: ReceivedRequest) {
    const at = target.indexOf('?')
    this.method = method
    this.path = at < 0 ? target : target.slice(0, at)
    this.query = at < 0 ? '' : target.slice(at + 1)
    this.webSocket = upgrade
    this.operations = operations ?? null
    Object.freeze(this)
  }

  get segments() {
    if (this.#segments === undefined) this.#segments = segmentsOf(this.path)
    return this.#segments
  }

  get readings() {
    if (this.#readings === undefined) this.#readings = readingsOf(this.path)
    return this.#readings
  }
}

/** Decodes the path as applications do; `segments` is null where they differ. */
export const readAccessRequest = (received: ReceivedRequest): AccessRequest => new ReadRequest(received)

function segmentsOf(raw: string): readonly string[] | null {
  const parts = raw.split('/').slice(1)
  const segments: string[] = []
  for (const [at, part] of parts.entries()) {
    const text = decoded(part)
    // An empty segment is clear at the end only: servers merge slashes, or do not.
    if (text === null || UNCLEAR.test(text) || text === '.' || text === '..') return null
    if (text === '' && at < parts.length - 1) return null
    segments.push(text)
  }
  return Object.freeze(segments)
}
