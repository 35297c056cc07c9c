import type { Catalog, dashboardParts, SlotRef } from '@mezite/core'
import type { DeviceStore } from './store.ts'

type Part = typeof dashboardParts extends SlotRef<infer P> ? P : never

/** The page "Devices" of the administration. */
export const devicesPage = (store: Pick<DeviceStore, 'list'>, catalog: Pick<Catalog, 'byId'>): Part => ({
  kind: 'page',
  right: 'device.list',
  path: 'devices',
  title: 'Devices',
  texts: { de: german },
  content: async () => [
    {
      kind: 'table',
      title: 'Devices',
      columns: [
        ...['Person', 'Device', 'App', 'Paths', 'Until', 'First used', 'From', 'Last used', 'From', 'By'],
        ...['Elsewhere', 'Action'],
      ],
      rows: store
        .list()
        .map((one) => [
          { text: one.user_name, href: `/web/admin/people/${encodeURIComponent(one.user_name)}` },
          one.name,
          catalog.byId(one.app)?.name ?? one.app,
          one.paths.length === 0 ? { word: 'all' } : one.paths.join(', '),
          { time: one.expires },
          one.first_at === null ? null : { time: one.first_at },
          one.first_ip,
          one.last_at === null ? null : { time: one.last_at },
          one.last_ip,
          one.last_agent,
          one.moved === null ? null : { time: one.moved },
          removalOf(one.id, one.name),
        ]),
      empty: 'Nobody has added a device.',
      layout: { rest: 1, hidden: [5, 6, 8, 9], phone: { first: 0, firstEnd: 4, second: 1, secondEnd: 11 } },
    },
    {
      kind: 'text',
      text: 'People add devices under "My account". "Elsewhere" is when another program in another network used one for the first time.',
    },
  ],
})

const removalOf = (id: string, name: string) => ({
  kind: 'form' as const,
  title: `Remove the device ${name}?`,
  effect: 'It is refused at once, and its open connections are cut.',
  method: 'DELETE' as const,
  path: `/v1/webapi/devices/${id}`,
  fields: [],
  submit: 'Remove',
  destructive: true,
})

const german = {
  Devices: 'Geräte',
  Person: 'Person',
  Device: 'Gerät',
  App: 'Anwendung',
  Paths: 'Pfade',
  Until: 'Bis',
  'First used': 'Zuerst benutzt',
  From: 'Von',
  'Last used': 'Zuletzt benutzt',
  By: 'Mit',
  Elsewhere: 'Anderswo',
  Action: 'Aktion',
  all: 'alle',
  'Nobody has added a device.': 'Niemand hat ein Gerät hinzugefügt.',
  'People add devices under "My account". "Elsewhere" is when another program in another network used one for the first time.':
    'Geräte werden unter „Mein Konto“ hinzugefügt. „Anderswo“ ist, wann ein anderes Programm in einem anderen Netz eines zum ersten Mal benutzt hat.',
  'Remove the device {}?': 'Das Gerät {} entfernen?',
  'It is refused at once, and its open connections are cut.':
    'Es wird sofort abgewiesen, und seine offenen Verbindungen werden getrennt.',
  Remove: 'Entfernen',
}
