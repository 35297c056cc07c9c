import { createServer } from 'node:http'
import { MezError, messageOf } from '@mezite/core/agent'
import type { RunningAgent } from './agent.ts'
import { readHubAddress } from './hub-address.ts'

/** Plain HTTP for health checks and metrics. */
export interface Diagnostics {
  readonly port: number
  close(): void
}

/**
 * Serves `/healthz` (200 while the program runs), `/readyz` (503 without a link to a hub) and `/metrics` in the
 * Prometheus text format. Rejects with `MEZ_PORT_UNAVAILABLE`.
 */
export async function openDiagnostics(
  listenAddr: string,
  agent: Pick<RunningAgent, 'connected' | 'links' | 'certificateExpires'>,
  version: string,
): Promise<Diagnostics> {
  const { host, port } = readHubAddress(listenAddr) ?? { host: '127.0.0.1', port: 0 }
  const metrics = (): string => {
    const expires = agent.certificateExpires
    return [
      '# HELP mezd_build_info The version of this agent',
      '# TYPE mezd_build_info gauge',
      `mezd_build_info{version="${version}"} 1`,
      '# HELP mezd_links Hubs that have a link to this agent',
      '# TYPE mezd_links gauge',
      `mezd_links ${agent.links}`,
      '# HELP mezd_certificate_expires_timestamp_seconds When the certificate of this agent expires',
      '# TYPE mezd_certificate_expires_timestamp_seconds gauge',
      ...(expires === null ? [] : [`mezd_certificate_expires_timestamp_seconds ${expires / 1_000}`]),
      '',
    ].join('\n')
  }
  const server = createServer({ requestTimeout: 10_000 }, (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0]
    const [status, text] =
      request.method !== 'GET' && request.method !== 'HEAD'
        ? [405, 'only GET\n']
        : path === '/healthz'
          ? [200, 'ok\n']
          : path === '/readyz'
            ? agent.connected
              ? [200, 'ok\n']
              : [503, 'no link to a hub\n']
            : path === '/metrics'
              ? [200, metrics()]
              : [404, 'not found\n']
    response.writeHead(Number(status), { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
    response.end(text)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new MezError('MEZ_PORT_UNAVAILABLE', `diagnostics.listen_addr: ${messageOf(cause)}`, { cause })),
    )
    server.listen(port, host, resolve)
  })
  server.on('error', () => {})
  return { port: (server.address() as { port: number }).port, close: () => void server.close() }
}
