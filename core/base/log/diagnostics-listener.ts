import { createServer } from 'node:http'
import type { DiagnosticsResponse, DiagnosticsRoute } from '../../api/diagnostics.ts'
import { withDeadline } from '../../kernel/deadline.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { type PlainPort, plainPort } from './listening-port.ts'

const RESPONSE_MS = 10_000

export interface DiagnosticsOptions {
  /** `host:port`; port 0 selects a free one. */
  readonly listenAddr: string
  /**
   * `/healthz` and `/readyz` of the program, and the routes of plugins. Throws `MEZ_CONFIG_INVALID` if two share a
   * path.
   */
  readonly routes: readonly DiagnosticsRoute[]
  /** What other processes on the same port contribute to the response of a path. Default: nothing. */
  readonly contributions?: (path: string, query: string) => Promise<readonly unknown[]>
  readonly log: Log
}

/** `/healthz`: the process responds. */
export const healthRoute: DiagnosticsRoute = {
  path: '/healthz',
  respond: async () => plainText(200, 'ok'),
}

/** A response of one or more lines of text. */
export function plainText(status: number, body: string): DiagnosticsResponse {
  return { status, contentType: 'text/plain', body: `${body}\n` }
}

/** The diagnostics listener of a program: plain HTTP for operators, never on the public port. */
export function createDiagnosticsListener({
  listenAddr,
  routes,
  contributions = async () => [],
  log,
}: DiagnosticsOptions): PlainPort {
  const byPath = new Map<string, DiagnosticsRoute>()
  for (const route of routes) {
    if (byPath.has(route.path))
      throw new MezError(
        'MEZ_CONFIG_INVALID',
        `two plugins provide ${route.path} of the diagnostics listener`,
      )
    byPath.set(route.path, route)
  }

  async function respond(method: string | undefined, url = ''): Promise<DiagnosticsResponse> {
    if (method !== 'GET' && method !== 'HEAD') return plainText(405, 'GET only')
    const [path = '', query = ''] = url.split('?', 2)
    const route = byPath.get(path)
    if (!route) return plainText(404, [...byPath.keys()].join(' '))
    try {
      return await withDeadline(async () => {
        const others = route.contribute ? await contributions(path, query) : []
        return route.respond(new URLSearchParams(query), others)
      }, RESPONSE_MS)
    } catch (error) {
      log.error({ path, error: messageOf(error) }, 'a request to the diagnostics listener failed')
      return plainText(500, 'failed')
    }
  }

  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 10_000 },
    async (request, response) => {
      response.on('error', () => response.destroy())
      const { status, contentType, body } = await respond(request.method, request.url)
      response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' })
      response.end(request.method === 'HEAD' ? undefined : body)
    },
  )
  return plainPort(server, 200, listenAddr, 'diagnostics.listen_addr', '127.0.0.1')
}
