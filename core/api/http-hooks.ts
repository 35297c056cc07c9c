import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { HubCalls } from './hub-hooks.ts'
import type { Subject } from './subject.ts'

/** Header lines of a message: name and value in turn, spelled as they came. */
export type HeaderLines = readonly string[]

/** A request on its way to an app, as taps of `http.request` read it and return it changed. */
export interface HttpRequest {
  /** As the client sent it; a tap cannot change it. */
  readonly method: string
  /**
   * Normalised (RFC 3986 section 6.2.2): without dot segments, and without percent-encoding where none is needed. While
   * a plugin taps `http.request`, the app receives exactly this path, so a rule and the app never read different ones.
   */
  readonly path: string
  /** The text after `?`, or null without one. */
  readonly query: string | null
  /**
   * Without the hub's cookies and the headers that only the hub sets. A returned line of such a name fails the request
   * with 500 `forward_refused`.
   */
  readonly headers: HeaderLines
}

/** Who sends a request to which app. */
export interface HttpRequestContext {
  readonly app: App
  /** Null for a preflight from an origin that the app lists: it carries nobody's identity. */
  readonly subject: Subject | null
  readonly clientIp: string
  readonly requestId: string
  /** True for a WebSocket handshake. */
  readonly upgrade: boolean
  /**
   * Refuses the request with 403. `reason` is a code in snake_case, for the page and the audit; `message` is a sentence
   * for the person. The first refusal counts. Throws a TypeError for another kind of reason, which fails the request.
   */
  refuse(reason: string, message?: string): void
}

/** The head of an app's final response, as taps of `http.response` read it and return it changed. */
export interface HttpResponse {
  /** 200 to 599. A status without a body (204, 205, 304) cannot become one with a body, nor the other way round. */
  readonly status: number
  /** Addresses and cookies are mapped already. Framing and the headers that only the hub sets are absent and refused. */
  readonly headers: HeaderLines
}

/** The request that a response belongs to. */
export interface HttpResponseContext {
  readonly app: App
  /** Null for a preflight. */
  readonly subject: Subject | null
  readonly requestId: string
  readonly method: string
  /** As it was sent to the app, without the query. */
  readonly path: string
}

/** Calls the taps of `http.request` and `http.response`. */
export type HttpHooks = HubCalls['http']

/**
 * The calls of both hooks, for the protocol that carries the messages (a plugin cannot call hooks). A call throws what a
 * tap throws, and returns what the last tap returned, unchecked; `empty` says that nobody taps.
 */
export const httpHooks = serviceRef<HttpHooks>('httpHooks')
