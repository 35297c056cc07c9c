import type { AppAdministration } from '../../api/administration.ts'
import type { App } from '../../api/app.ts'
import { appKinds } from '../../api/app-kinds.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Transaction } from '../../api/database.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import type { Revisions } from '../../api/revisions.ts'
import { tableView } from '../../api/table-view.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import type { Clock } from '../../kernel/clock.ts'
import { deepFreeze } from '../../kernel/deep-freeze.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Log } from '../../kernel/log.ts'
import { readApp } from './app-document.ts'
import { clashOf, hostsOf } from './app-hosts.ts'
import type { HeaderSecrets } from './header-secrets.ts'
import type { AppTable } from './migrations.ts'

/** A row, and the app in it; null: it is unreadable. */
export interface StoredApp {
  readonly app: App | null
  readonly row: AppTable
}

/** The apps in memory. What the catalog shows leaves out those that have expired. */
export interface AppIndex
  extends Pick<Catalog, 'byHost' | 'byName' | 'byId' | 'list'>,
    Pick<AppAdministration, 'registered'> {
  /** The app with this name, even an expired one. */
  named(name: string): App | undefined
  /** Another app than `but`, perhaps an expired one, that one of these hosts leads to. */
  holderOf(hosts: readonly string[], but: string): App | undefined
  /** The app with this name, even an expired one, as the transaction sees it. */
  findIn(trx: Transaction, name: string): Promise<StoredApp | null>
  /** Whether an app, even an expired one, names this agent, as the transaction sees it. */
  bindsIn(trx: Transaction, agent: string): Promise<boolean>
}

export interface AppIndexNeeds {
  readonly revisions: Pick<Revisions, 'addView'>
  readonly publicNames: PublicNames
  readonly kernel: Pick<Kernel<HubHooks>, 'slot'>
  readonly clock: Clock
  readonly log: Log
}

/** Reads stored apps into memory, and again after each change. `secrets` notes those of every app that was read. */
export function createAppIndex(
  { revisions, publicNames, kernel, clock, log }: AppIndexNeeds,
  secrets: Pick<HeaderSecrets, 'note'>,
): AppIndex {
  const byName = new Map<string, App>()
  const byId = new Map<string, App>()
  /** By hosts, and by wildcards such as `*.preview.apps.example.com`. */
  const byHost = new Map<string, App>()
  let sorted: readonly App[] | null = null

  function read(row: AppTable): App | null {
    try {
      const read = readApp(JSON.parse(row.document), namesFor(row, publicNames), {
        kinds: kernel.slot(appKinds),
      })
      const app = deepFreeze<App>({ ...read, id: row.id })
      secrets.note(app, row)
      return app
    } catch (error) {
      log.error({ app: row.name, cause: messageOf(error) }, 'a stored app is unreadable and not served')
      return null
    }
  }

  const view = tableView<AppTable>({
    name: 'catalog',
    kind: 'app',
    table: 'apps',
    key: 'name',
    swap(names, rows) {
      for (const name of names ?? byName.keys()) {
        const old = byName.get(name)
        if (!old) continue
        byName.delete(name)
        byId.delete(old.id)
        for (const host of hostsOf(old)) if (byHost.get(host) === old) byHost.delete(host)
      }
      for (const app of rows.map(read)) {
        if (app === null) continue
        byName.set(app.name, app)
        byId.set(app.id, app)
        for (const host of hostsOf(app)) byHost.set(host, app)
      }
      sorted = null
    },
  })
  revisions.addView(view)
  const living = (app: App | undefined): App | undefined =>
    app === undefined || (app.expires !== null && app.expires <= clock.now()) ? undefined : app

  const registered = (): readonly App[] => {
    sorted ??= [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    return sorted
  }

  return {
    byHost: (host) => living(byHost.get(host) ?? byHost.get(`*${host.slice(host.indexOf('.'))}`)),
    byName: (name) => living(byName.get(name)),
    byId: (id) => living(byId.get(id)),
    list: () => {
      const now = clock.now()
      const all = registered()
      return all.some(({ expires }) => expires !== null && expires <= now) ? all.filter(living) : all
    },
    registered,
    named: (name) => byName.get(name),
    holderOf: (hosts, but) =>
      registered().find((app) => app.name !== but && clashOf(hosts, hostsOf(app)) !== null),
    async findIn(trx, name) {
      const [row] = await view.rowsOf(trx, [name])
      return row === undefined ? null : { app: read(row), row }
    },
    async bindsIn(trx, agent) {
      const rows = await view.rowsOf(trx, null)
      return rows.some((row) => read(row)?.agents.includes(agent))
    },
  }
}

/** A TCP app that was registered without a host does not get one when the hub gets a domain for apps. */
const namesFor = ({ public_addr: host }: AppTable, names: PublicNames): PublicNames =>
  host === null ? { ...names, appsDomain: null } : names
