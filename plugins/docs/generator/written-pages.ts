import { createTestHub } from '@mezite/core/testing'
import { errorCodePage, reasonCodePage } from './code-pages.ts'
import { commandsPage } from './command-pages.ts'
import { configurationPage, limitsPage } from './configuration-pages.ts'
import { type ApiDescription, apiPage, documentsPage, pluginConfigurationPage } from './schema-pages.ts'
import { auditEventsPage, metricsPage, portsPage } from './source-pages.ts'

/** The pages that are written from the sources, by file below `plugins/docs/pages`. */
export async function writtenPages(): Promise<Readonly<Record<string, string>>> {
  const hub = await createTestHub()
  try {
    const kinds = ['app', 'role', 'oidc', 'bot', 'app_source']
    const schemas = await Promise.all(kinds.map((kind) => hub.api('GET', `/schemas/${kind}`)))
    const pages = {
      'look-up/api.md': apiPage(await hub.api<ApiDescription>('GET', '/openapi.json')),
      'look-up/audit-events.md': auditEventsPage(),
      'look-up/command-line.md': await commandsPage(),
      'look-up/configuration.md': configurationPage(),
      'look-up/documents.md': documentsPage(
        Object.fromEntries(kinds.map((kind, index) => [kind, schemas[index]])),
      ),
      'look-up/error-codes.md': errorCodePage(),
      'look-up/limits.md': await limitsPage(),
      'look-up/metrics.md': metricsPage(),
      'look-up/plugin-configuration.md': await pluginConfigurationPage(),
      'look-up/ports.md': portsPage(),
      'look-up/reason-codes.md': await reasonCodePage(),
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
