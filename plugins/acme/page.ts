import type { dashboardParts, SlotRef } from '@mezite/core'
import { shown } from './routes.ts'
import type { Store } from './store.ts'

type DashboardPart = typeof dashboardParts extends SlotRef<infer T> ? T : never

const DAY_MS = 24 * 3_600_000

/** The page "Certificates" of the dashboard. */
export function certificatesPage(store: Store, now: () => number): DashboardPart {
  return {
    kind: 'page',
    right: 'certificate.list',
    path: 'certificates',
    title: 'Certificates',
    texts: { de: german },
    async content() {
      const all = [...store.certificates.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
      const renewable = all.filter(({ imported }) => !imported).map(({ name }) => name)
      const rows = all.map(shown).map((one) => {
        const left = one.not_after === null ? null : Math.floor((Date.parse(one.not_after) - now()) / DAY_MS)
        return [
          one.name,
          one.state,
          one.names.length > 3
            ? { word: `${one.names.slice(0, 3).join(', ')} and ${one.names.length - 3} more` }
            : one.names.join(', '),
          left,
          one.next_attempt === null ? null : { time: Date.parse(one.next_attempt) },
        ]
      })
      const errors = all.flatMap(({ name, lastError }) => (lastError === null ? [] : [[name, lastError]]))
      return [
        {
          kind: 'table',
          title: 'Certificates',
          columns: ['Name', 'State', 'Names', 'Days left', 'Next attempt'],
          rows,
          empty: 'No certificates yet. The hub orders them when it has started.',
        },
        // In a table of its own, because errors are long and rare.
        ...(errors.length === 0
          ? []
          : [
              {
                kind: 'table' as const,
                title: 'Last errors',
                columns: ['Name', 'Last error'],
                rows: errors,
                empty: '',
              },
            ]),
        ...(renewable.length === 0
          ? []
          : [
              {
                kind: 'form' as const,
                title: 'Renew a certificate',
                method: 'POST' as const,
                path: '/v1/webapi/certificates/renew',
                fields: [{ name: 'name', label: 'Certificate', options: renewable, value: renewable[0]! }],
                submit: 'Renew now',
              },
            ]),
      ]
    },
  }
}

const german = {
  Certificates: 'Zertifikate',
  State: 'Zustand',
  Names: 'Namen',
  '{} and {} more': '{} und {} weitere',
  'Days left': 'Tage übrig',
  'Next attempt': 'Nächster Versuch',
  'No certificates yet. The hub orders them when it has started.':
    'Noch keine Zertifikate. Der Hub bestellt sie, sobald er gestartet ist.',
  'Last errors': 'Letzte Fehler',
  'Last error': 'Letzter Fehler',
  'Renew a certificate': 'Ein Zertifikat erneuern',
  Certificate: 'Zertifikat',
  'Renew now': 'Jetzt erneuern',
}
