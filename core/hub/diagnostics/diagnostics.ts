import { createServer, type Server } from 'node:http'
import { MezError } from '../../kernel/error.ts'
import type { RunningMetrics } from './metrics.ts'

export interface DiagnosticsOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listenAddr: string
  /** Null when the hub can serve, else why not. */
  readonly notReady: () => string | null
  readonly metrics: Pick<RunningMetrics, 'scrape'>
}

/** Plain HTTP for operators: never on the public port. */
export interface Diagnostics {
  listen(): Promise<{ readonly port: number }>
  close(): Promise<void>
}

/** GET /healthz (the process answers), /readyz (200 or 503 with the reason), /metrics (Prometheus text). */
export function createDiagnostics({ listenAddr, notReady, metrics }: DiagnosticsOptions): Diagnostics {
  const answers: Readonly<Record<string, () => Promise<[number, string, string]>>> = {
    '/healthz': async () => [200, 'text/plain', 'ok\n'],
    '/readyz': async () => {
      const reason = notReady()
      return reason === null ? [200, 'text/plain', 'ready\n'] : [503, 'text/plain', `${reason}\n`]
    },
    '/metrics': async () => {
      const { type, text } = await metrics.scrape()
      return [200, type, text]
    },
  }
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 10_000 },
    async (request, response) => {
      response.on('error', () => response.destroy())
      const path = request.url?.split('?', 1)[0] ?? ''
      const answer = Object.hasOwn(answers, path) ? answers[path] : undefined
      const readable = request.method === 'GET' || request.method === 'HEAD'
      const failed = (): [number, string, string] => [500, 'text/plain', 'failed\n']
      const [status, type, body] = !readable
        ? [405, 'text/plain', 'GET only\n']
        : answer
          ? await answer().catch(failed)
          : [404, 'text/plain', '/healthz /readyz /metrics\n']
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
      response.end(request.method === 'HEAD' ? undefined : body)
    },
  )
  server.maxConnections = 200
  server.on('clientError', (_error, socket) => socket.destroy())
  return {
    listen: () => listen(server, listenAddr),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        if (server.listening) server.close(() => resolve())
        else resolve()
      }),
  }
}

function listen(server: Server, listenAddr: string): Promise<{ port: number }> {
  const at = listenAddr.lastIndexOf(':')
  const host = listenAddr.slice(0, at).replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const message = `diagnostics cannot listen on ${listenAddr}: ${cause.message}`
      reject(new MezError('MEZ_PORT_UNAVAILABLE', message, { cause }))
    }
    server.once('error', failed)
    server.listen({ host: host || '127.0.0.1', port: Number(listenAddr.slice(at + 1)) }, () => {
      server.removeListener('error', failed)
      server.on('error', () => {})
      const address = server.address()
      resolve({ port: typeof address === 'object' && address ? address.port : 0 })
    })
  })
}
