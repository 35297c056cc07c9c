import { createTestHub } from '@mezite/core/testing'
import { errorCodePage, reasonCodePage } from './code-pages.ts'
import { commandsPage } from './command-pages.ts'
import { configurationPage, limitsPage } from './configuration-pages.ts'
import { type ApiDescription, apiPage, documentsPage, pluginConfigurationPage } from './schema-pages.ts'
import { auditEventsPage, metricsPage, portsPage } from './source-pages.ts'

/** By which words people look for a page, for the search. */
const SEARCHED_AS: Readonly<Record<string, string>> = {
  'look-up/configuration.md':
    'yaml file, settings, mezhub.yaml, mezd.yaml, environment variables, config reference, options, listen port, change the port, where is the config file, proxy, logo, language',
  'look-up/plugin-configuration.md': 'settings of plugins, options, retention',
  'look-up/documents.md':
    'yaml reference, schema, role, connector, terraform, gitops, infrastructure as code',
  'look-up/limits.md':
    'maximum, upload size, timeout, rate limit, too many requests, quota, connections, body size',
  'look-up/error-codes.md': 'error message, MEZ, exit, does not start',
  'look-up/reason-codes.md':
    'why was it denied, error on a page, refused, 401, 403, 429, code in small print',
  'look-up/audit-events.md': 'types of events, log format, fields, failed logins, json',
  'look-up/metrics.md': 'prometheus, names, counters, gauges, histogram',
  'look-up/ports.md': 'firewall, which port, open ports, urls, paths, endpoints, health endpoint, readyz',
  'look-up/api.md': 'rest api, http api, openapi, swagger, automate, integrate, script, terraform, endpoint',
  'look-up/command-line.md': 'cli, commands, flags, list of all commands, completion, json output, help',
}
/** Behind the title, as in pages that somebody writes by hand. */
const withWords = (name: string, text: string): string =>
  text.replace(/^# .*\n/m, (title) => `${title}\n<!-- search: ${SEARCHED_AS[name]} -->\n`)

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
      Object.entries(pages).map(([name, text]) => [
        name,
        withWords(name, text.replaceAll(own, 'mezite.example.com')),
      ]),
    )
  } finally {
    await hub.stop()
  }
}
