import { createTestHub } from '@mezite/core/testing'
import { errorCodePage, reasonCodePage } from './code-pages.ts'
import { commandsPage } from './command-pages.ts'
import { type ApiDescription, apiPage, documentsPage, pluginConfigurationPage } from './schema-pages.ts'
import { auditEventsPage, metricsPage, portsPage } from './source-pages.ts'

/** The pages that are written from the sources, by file below `plugins/docs/pages/look-up`. */
export async function writtenPages(): Promise<Readonly<Record<string, string>>> {
  const hub = await createTestHub()
  try {
    const kinds = ['app', 'role', 'oidc']
    const schemas = await Promise.all(kinds.map((kind) => hub.api('GET', `/schemas/${kind}`)))
    const pages = {
      'api.md': apiPage(await hub.api<ApiDescription>('GET', '/openapi.json')),
      'audit-events.md': auditEventsPage(),
      'command-line.md': await commandsPage(),
      'documents.md': documentsPage(Object.fromEntries(kinds.map((kind, index) => [kind, schemas[index]]))),
      'error-codes.md': errorCodePage(),
      'metrics.md': metricsPage(),
      'plugin-configuration.md': await pluginConfigurationPage(),
      'ports.md': portsPage(),
      'reason-codes.md': reasonCodePage(),
    }
    // A hub of a test is at another port each time.
    const own = new RegExp(`hub\\.mezite\\.localhost(?::${hub.ports.public})?`, 'g')
    return Object.fromEntries(
      Object.entries(pages).map(([name, text]) => [name, text.replaceAll(own, 'mezite.example.com')]),
    )
  } finally {
    await hub.stop()
  }
}
