/** Limits of one request, response or connection. Times in milliseconds, sizes in bytes. */
export const limits = {
  /** Head of a response, and its trailers. */
  responseHeadBytes: 64 * 1024,
  responseLines: 500,
  trailerBytes: 16 * 1024,
  /** A chunk-size line with its extensions. */
  chunkLineBytes: 4 * 1024,
  informational: 16,
  /** Unread bytes that an app may send over HTTP/2, on a connection that carries one request. */
  http2WindowBytes: 256 * 1024,
  /**
   * Pipes that wait for the next request of the same session: as many as a busy program has requests at once, because each
   * request beyond them dials.
   */
  idlePipeMs: 15_000,
  idlePipesPerSession: 256,
  idlePipesPerApp: 1_024,
  /** Longest value of `X-Mezite-Roles`; a request with a longer one fails. */
  rolesBytes: 8 * 1024,
  /** A rejected request's body is read up to this size to keep its connection; larger closes it. */
  discardBytes: 64 * 1024,
  /** How long the body that a verifier checks may take to arrive. */
  verifyMs: 10_000,
  /** Requests of one person, and of all, whose bodies are read at once for a decision. */
  readingPerPerson: 32,
  reading: 128,
  /** How long a client may go on sending a body after the response has ended. */
  lingerMs: 5_000,
  /** How long a cut WebSocket waits for the app's frame to end, then for the client to close. */
  frameEndMs: 100,
  closeMs: 500,
} as const
