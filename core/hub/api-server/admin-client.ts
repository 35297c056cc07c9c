import { request } from 'node:http'

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

/** The JSON API over the admin socket `path`. A process that can open the socket acts as the operator. */
export function adminClient(socketPath: string): AdminClient {
  return <T>(method: string, path: string, body?: unknown) =>
    new Promise<T>((resolve, reject) => {
      const sent = body === undefined ? undefined : JSON.stringify(body)
      const outgoing = request({
        socketPath,
        method,
        path: `/v1/webapi${path}`,
        headers: {
          host: 'localhost',
          accept: 'application/json',
          ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
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
          const status = response.statusCode ?? 0
          if (status >= 200 && status < 300) return resolve(read(text) as T)
          const { code = '', detail, title } = (read(text) ?? {}) as Record<string, string>
          reject(new ApiError(status, code, detail ?? title ?? text))
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
