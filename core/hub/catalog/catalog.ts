import { v4 as uuid } from 'uuid'
import type { AppAdministration, AppInput } from '../../api/administration.ts'
import type { App } from '../../api/app.ts'
import { appKinds } from '../../api/app-kinds.ts'
import type { Actor } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Transaction } from '../../api/database.ts'
import { Problem } from '../../api/problem.ts'
import { entityTags, resourceInvalid } from '../../api/resource.ts'
import type { Change } from '../../api/revisions.ts'
import { tableView } from '../../api/table-view.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { deepFreeze } from '../../kernel/deep-freeze.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Needs } from '../room.ts'
import { type AppConfigs, appDocument, appKind, readApp } from './app-document.ts'
import { AppSpec } from './app-schema.ts'
import { createHeaderSecrets } from './header-secrets.ts'
import type { AppTable, CatalogTables } from './migrations.ts'

/** The apps, and the changes that administrators make. */
export interface RunningCatalog extends Catalog, Omit<AppAdministration, 'probe'> {
  /** Whether an app, even an expired one, names this agent, as the transaction sees it. */
  bindsIn(trx: Transaction, agent: string): Promise<boolean>
}

/** Keeps the catalog in memory, up to date by the change sequence. */
export function createCatalog(
  rooms: Needs<'revisions' | 'publicNames' | 'kernel' | 'plugins' | 'certificates' | 'secretBox'>,
): RunningCatalog {
  const { revisions, publicNames, kernel, certificates, clock, log } = rooms
  const headerSecrets = createHeaderSecrets(rooms.secretBox)
  const appConfigs: AppConfigs = Object.fromEntries(
    rooms.plugins.flatMap(({ plugin: { name, appConfig } }) => (appConfig ? [[name, appConfig]] : [])),
  )
  /** The kinds that loaded plugins serve. */
  const kinds = () => kernel.slot(appKinds)
  const byName = new Map<string, App>()
  const byId = new Map<string, App>()
  const byHost = new Map<string, App>()
  let sorted: readonly App[] | null = null

  function read(row: AppTable): App | null {
    try {
      const names = { ...publicNames, appsDomain: domainOf(row, publicNames) }
      const read = readApp(JSON.parse(row.document), names, { kinds: kinds() })
      const app = deepFreeze<App>({ ...read, id: row.id })
      headerSecrets.note(app, row)
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
        if (byHost.get(old.publicAddr) === old) byHost.delete(old.publicAddr)
      }
      for (const app of rows.map(read)) {
        if (app === null) continue
        byName.set(app.name, app)
        byId.set(app.id, app)
        if (app.publicAddr !== '') byHost.set(app.publicAddr, app)
      }
      sorted = null
    },
  })
  revisions.addView(view)
  const living = (app: App | undefined): App | undefined =>
    app === undefined || (app.expires !== null && app.expires <= clock.now()) ? undefined : app

  const servedByHub = (app: App) => appKind(app.protocol, kinds())?.servedByHub ?? false
  const registered = (): readonly App[] => {
    sorted ??= [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    return sorted
  }

  const readDocument = (document: unknown, name?: string): AppInput =>
    readApp(document, publicNames, {
      kinds: kinds(),
      appConfigs,
      ...(name !== undefined && { name }),
    })

  function checkCertificate({ publicAddr }: AppInput): void {
    if (publicAddr === '') return
    const { ok, sans } = certificates.covers(publicAddr)
    if (ok) return
    const message = `is not covered by the certificate, which is for ${sans.join(', ') || 'no name'}`
    throw resourceInvalid([{ path: ['spec', 'public_addr'], message }])
  }

  function warnOfUnserved(app: App): void {
    const served = kinds().map((kind) => kind.name)
    if (!served.includes(app.protocol))
      log.warn(
        { app: app.name, protocol: app.protocol, served },
        'no loaded plugin serves apps of this protocol',
      )
  }

  function warnOfSharedUri(app: App): void {
    const same = registered().filter(({ uri, id }) => uri === app.uri && id !== app.id)
    if (same.length === 0) return
    // The audience of an assertion is the URI, so each app could use its assertions at the other one.
    const others = same.slice(0, 10).map(({ name }) => name)
    log.warn(
      { app: app.name, others },
      'apps share a uri, so their assertions have one audience; check the claim `app`',
    )
  }

  async function store(
    trx: Transaction,
    change: Change,
    input: AppInput,
    old: { readonly app: App | null; readonly row: AppTable } | null,
    type: string,
    by: Actor | null,
  ): Promise<void> {
    const db = trx.withTables<CatalogTables>()
    if (input.publicAddr !== '') {
      const taken = await db
        .selectFrom('apps')
        .select('name')
        .where('public_addr', '=', input.publicAddr)
        .where('name', '!=', input.name)
        .executeTakeFirst()
      if (taken) throw addressTaken(input.publicAddr, taken.name)
    }
    const now = clock.now()
    const id = old?.row.id ?? uuid()
    const row = {
      secrets: headerSecrets.seal(id, input, old),
      public_addr: input.publicAddr === '' ? null : input.publicAddr,
      document: JSON.stringify(appDocument(input)),
      updated: now,
    }
    if (old) await db.updateTable('apps').set(row).where('id', '=', id).execute()
    else
      await db
        .insertInto('apps')
        .values({ ...row, id, name: input.name, created: now })
        .execute()
    change.touch('app', input.name)
    await change.audit({ type, success: true, by, fields: { app: input.name } })
  }

  const find = async (trx: Transaction, name: string) => (await view.rowsOf(trx, [name]))[0]

  const put: RunningCatalog['put'] = async (input, mode, actor, preconditions = {}) => {
    checkCertificate(input)
    const created = await revisions.write(async (trx, change) => {
      const old = await find(trx, input.name)
      const before = old && read(old)
      entityTags.check(preconditions, before ? appDocument(before) : old)
      if (old && mode === 'create') {
        throw new Problem(
          409,
          'app_exists',
          `The app ${input.name} already exists; \`mezctl apps update\` changes it.`,
        )
      }
      const known = old ? { app: before ?? null, row: old } : null
      await store(trx, change, input, known, old ? 'app.updated' : 'app.created', actor)
      return old === undefined
    }, actor)
    const app = byName.get(input.name)
    if (!app) throw appNotFound(input.name)
    warnOfUnserved(app)
    warnOfSharedUri(app)
    return { created, app }
  }

  return {
    byHost: (host) => living(byHost.get(host)),
    byName: (name) => living(byName.get(name)),
    byId: (id) => living(byId.get(id)),
    list: () => {
      const now = clock.now()
      const all = registered()
      return all.some(({ expires }) => expires !== null && expires <= now) ? all.filter(living) : all
    },
    spec: AppSpec,
    appConfigs,
    read: readDocument,
    documentOf: appDocument,
    registered,
    servedByHub,
    urlOf: (app) => (servedByHub(app) ? `https://${app.publicAddr}${publicNames.portSuffix}/` : null),
    secretHeaders: headerSecrets.open,
    async bindsIn(trx, agent) {
      const rows = await view.rowsOf(trx, null)
      return rows.some((row) => read(row)?.agents.includes(agent))
    },

    check(input) {
      checkCertificate(input)
      const holder = byHost.get(input.publicAddr)
      if (holder && holder.name !== input.name) throw addressTaken(input.publicAddr, holder.name)
    },
    put,
    register: async (document, by) => (await put(readDocument(document), 'create', by)).app,
    async change(name, next, actor) {
      await revisions.write(async (trx, change) => {
        const old = await find(trx, name)
        const before = old && read(old)
        if (!old || !before) throw appNotFound(name)
        const input = next(before)
        const type =
          input.enabled === before.enabled ? 'app.updated' : input.enabled ? 'app.enabled' : 'app.disabled'
        await store(trx, change, input, { app: before, row: old }, type, actor)
      }, actor)
      const app = byName.get(name)
      if (!app) throw appNotFound(name)
      return app
    },

    async remove(name, actor) {
      const before = byName.get(name)
      await revisions.write(async (trx, change) => {
        const db = trx.withTables<CatalogTables>()
        const gone = await db.deleteFrom('apps').where('name', '=', name).returning('id').executeTakeFirst()
        if (!gone) throw appNotFound(name)
        change.touch('app', name)
        await change.audit({ type: 'app.deleted', success: true, by: actor, fields: { app: name } })
      }, actor)
      if (!before) throw appNotFound(name)
      return before
    },
  }
}

const addressTaken = (host: string, name: string): Problem =>
  new Problem(409, 'public_addr_taken', `spec.public_addr: ${host} is taken by the app ${name}`)

export function appNotFound(name: string): Problem {
  return new Problem(404, 'app_not_found', `There is no app ${name}; \`mezctl apps ls\` lists them.`)
}

/** A TCP app that was registered without a host does not get one when the hub gets a domain for apps. */
function domainOf({ public_addr: host }: AppTable, names: PublicNames): string | null {
  return host === null ? null : names.appsDomain
}
