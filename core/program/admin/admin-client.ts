import { type IncomingHttpHeaders, request } from 'node:http'

/** An unsuccessful response of the hub's API. */
export class ApiError extends Error {
  readonly status: number
  /** The stable code of the problem document (RFC 9457). */
  readonly code: string

  constructor(status: number, code: string, detail: string) {
    super(`${status} ${code}: ${detail}`)
    this.status = status
    this.code = code
  }
}

/** Calls the JSON API as the operator; `path` is below `/v1/webapi`. Throws `ApiError` unless the call succeeds. */
export type AdminClient = <T = unknown>(method: string, path: string, body?: unknown) => Promise<T>

const DEADLINE_MS = 60_000

/** A response of the hub's API, of any status. */
export interface AdminResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** The JSON API over the admin socket `path`. A process that can open the socket acts as the operator. */
export function adminClient(socketPath: string): AdminClient {
  const ask = adminRequests(socketPath)
  return async <T>(method: string, path: string, body?: unknown) => {
    const response = await ask(method, path, body)
    if (response.status >= 200 && response.status < 300) return response.body as T
    const { code = '', detail, title } = (response.body ?? {}) as Record<string, string>
    throw new ApiError(response.status, code, detail ?? title ?? String(response.body))
  }
}

/** As `adminClient`, with headers both ways. */
export function adminRequests(socketPath: string) {
  return (
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<AdminResponse> =>
    new Promise((resolve, reject) => {
      const sent = body === undefined ? undefined : JSON.stringify(body)
      const outgoing = request({
        socketPath,
        method,
        path: `/v1/webapi${path}`,
        headers: {
          host: 'localhost',
          accept: 'application/json',
          // Node.js sends the body of a DELETE without a length.
          ...(sent === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
          ...headers,
        },
        agent: false,
        signal: AbortSignal.timeout(DEADLINE_MS),
      })
      outgoing.on('error', reject)
      outgoing.on('response', (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('error', reject)
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response
          resolve({ status, headers, body: read(text) })
        })
      })
      outgoing.end(sent)
    })
}

/** Parses JSON; other text (such as PEM) and an empty body are returned as they are. */
function read(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text === '' ? undefined : text
  }
}
