import { createDiagnosticsListener, healthRoute, type Log, plainText } from '@mezite/core/agent'
import type { RunningAgent } from './agent.ts'

/**
 * Serves `/healthz` (200 while the program runs), `/readyz` (503 without a link to a hub) and `/metrics` in the
 * Prometheus text format. Rejects with `MEZ_PORT_UNAVAILABLE`.
 */
export async function openDiagnostics(
  listenAddr: string,
  agent: Pick<RunningAgent, 'connected' | 'links' | 'certificateExpires'>,
  version: string,
  log: Log,
): Promise<void> {
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
  const contentType = 'text/plain; version=0.0.4; charset=utf-8'
  await createDiagnosticsListener({
    listenAddr,
    routes: [
      healthRoute,
      {
        path: '/readyz',
        respond: async () => (agent.connected ? plainText(200, 'ok') : plainText(503, 'no link to a hub')),
      },
      { path: '/metrics', respond: async () => ({ status: 200, contentType, body: metrics() }) },
    ],
    log,
  }).listen()
}
