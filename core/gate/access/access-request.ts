import type { AccessQuery, AccessRequest, ReceivedRequest } from '../../api/decision.ts'
import { readingsOf } from './path-readings.ts'

/** What decoders of paths disagree about: parameters, backslashes, an encoding in an encoding, control characters. */
const UNCLEAR = /[;\\/\p{Cc}]|%[0-9a-f]{2}/iu

/** A query that notices whether a policy looks at the request, which is read only then. No tap can change it for others. */
export class RequestQuery implements AccessQuery {
  readonly subject: AccessQuery['subject']
  readonly app: AccessQuery['app']
  readonly context: AccessQuery['context']
  readonly #received: ReceivedRequest | null
  #read: AccessRequest | null | undefined

  constructor({ subject, app, context }: Omit<AccessQuery, 'request'>, received: ReceivedRequest | null) {
    this.subject = subject
    this.app = app
    this.context = Object.freeze({ ...context })
    this.#received = received
    Object.freeze(this)
  }

  get request(): AccessRequest | null {
    if (this.#read === undefined) this.#read = this.#received && readAccessRequest(this.#received)
    return this.#read
  }

  /** Whether a policy has looked at the request. */
  static asked(query: RequestQuery): boolean {
    return query.#read !== undefined
  }
}

/** Decodes the path as applications do; `segments` is null where they differ. */
export function readAccessRequest({ method, target, upgrade = false }: ReceivedRequest): AccessRequest {
  const at = target.indexOf('?')
  const path = at < 0 ? target : target.slice(0, at)
  let segments: AccessRequest['segments'] | undefined
  let readings: AccessRequest['readings'] | undefined
  return Object.freeze({
    method,
    path,
    query: at < 0 ? '' : target.slice(at + 1),
    webSocket: upgrade,
    // A policy looks at one of both.
    get segments() {
      if (segments === undefined) segments = segmentsOf(path)
      return segments
    },
    get readings() {
      if (readings === undefined) readings = readingsOf(path)
      return readings
    },
  })
}

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

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part)
  } catch {
    return null
  }
}
