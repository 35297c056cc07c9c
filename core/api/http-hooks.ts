import type { App } from './app.ts'
import type { Subject } from './subject.ts'

/** Header lines of a message: alternating names and values, spelled as received. */
export type HeaderLines = readonly string[]

/** A request on its way to an app. Taps of `http.request` receive it and may return a changed one. */
export interface HttpRequest {
  /** As the client sent it; a tap cannot change it. */
  readonly method: string
  /**
   * Normalised (RFC 3986 section 6.2.2): without dot segments or unnecessary percent-encoding. While a plugin taps
   * `http.request`, the app receives exactly this path, so a rule and the app never see different ones.
   */
  readonly path: string
  /** The text after `?`, or null without one. */
  readonly query: string | null
  /**
   * Without the hub's cookies and the headers that only the hub sets. If a tap returns such a header, the request fails
   * with 500 `forward_refused`, and the log names the plugin and the header.
   */
  readonly headers: HeaderLines
}

/** The caller and the app of a request. */
export interface HttpRequestContext {
  readonly app: App
  /** Null for a preflight from an origin that the app lists: it carries no identity. */
  readonly subject: Subject | null
  readonly clientIp: string
  readonly requestId: string
  /** True for a WebSocket handshake. */
  readonly upgrade: boolean
  /**
   * Rejects the request with 403. `reason` is a code in snake_case for the page and the audit; `message` is a sentence
   * for the person, of at most 1,024 characters. The first refusal counts. Throws TypeError for an invalid reason or
   * message, which fails the request. After the tap has returned, a refusal fails the request at whatever point it is, and
   * from then on every request that the plugin would check.
   */
  refuse(reason: string, message?: string): void
}

/** The head of an app's final response. Taps of `http.response` receive it and may return a changed one. */
export interface HttpResponse {
  /** 200 to 599. A status without a body (204, 205, 304) cannot become one with a body, or vice versa. */
  readonly status: number
  /**
   * Addresses and cookies are already mapped. Framing headers and headers that only the hub sets are absent; a tap must
   * not add them.
   */
  readonly headers: HeaderLines
}

/** The request that a response belongs to. */
export interface HttpResponseContext {
  readonly app: App
  /** Null for a preflight. */
  readonly subject: Subject | null
  readonly requestId: string
  readonly method: string
  /** As sent to the app, without the query. */
  readonly path: string
}
