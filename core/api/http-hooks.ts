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

/** A refusal with another status than 403. */
export interface HttpRefusal {
  /** 400 to 599, such as 429 or 451; not 401, 407, 421 and 431, on which browsers and proxies act by themselves. */
  readonly status: number
  /** A code in snake_case for the page and the audit. */
  readonly reason: string
  /** A sentence for the person, of at most 1,024 characters. */
  readonly message?: string
  /** Header fields of the response, such as `retry-after`; not those of its content, its cookies and its policy. */
  readonly headers?: Readonly<Record<string, string>>
}

/**
 * Changes a body while it passes. Bytes are those on the wire: of a compressed response they are compressed, unless the
 * request asked for no `Accept-Encoding`. Nothing is kept by the hub, and a slow reader slows the sender down. A transform
 * that throws, or returns anything but bytes, ends the message, which never looks complete.
 */
export interface BodyTransform {
  /**
   * By how many bytes the result may differ from what has come so far, held back or added. Default: 1 MiB. Beyond it the
   * message ends.
   */
  readonly maxBytes?: number
  /** Returns what passes now: the piece, another one, or nothing yet. Synchronous. */
  write(chunk: Uint8Array): Uint8Array
  /** The body is complete: returns the rest, or nothing. */
  end(): Uint8Array
}

/** The caller and the app of a request. */
export interface HttpRequestContext {
  readonly app: App
  /** Null for a request that a verifier admits, such as a preflight: it carries no identity. */
  readonly subject: Subject | null
  /** The rule by which a verifier admits the request; null for people and programs. */
  readonly verified: string | null
  readonly clientIp: string
  readonly requestId: string
  /** True for a WebSocket handshake. */
  readonly upgrade: boolean
  /**
   * Rejects the request with 403, or as the refusal says. `reason` is a code in snake_case for the page and the audit;
   * `message` is a sentence for the person, of at most 1,024 characters. The first refusal counts. Throws TypeError for an
   * invalid refusal, which fails the request. After the tap has returned, a refusal fails the request at whatever point it is, and
   * from then on every request that the plugin would check.
   */
  refuse(reason: string | HttpRefusal, message?: string): void
  /**
   * Changes the body of the request, if it has one; call it in the tap. `make` is called once for each time the request is
   * sent. Transforms of several plugins follow each other in the order of their taps.
   */
  transform(make: () => BodyTransform): void
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
  /** Null for a request that a verifier admits, such as a preflight. */
  readonly subject: Subject | null
  /** As in `HttpRequestContext`. */
  readonly verified: string | null
  readonly requestId: string
  readonly method: string
  /** As sent to the app, without the query. */
  readonly path: string
  /**
   * Changes the body of the response, if it has one; call it in the tap. Its length is then not announced. A response to a
   * range (206) is a part of the body alone.
   */
  transform(make: () => BodyTransform): void
}
