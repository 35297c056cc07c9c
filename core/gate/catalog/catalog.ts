import { v4 as uuid } from 'uuid'
import type { AppAdministration, AppInput } from '../../api/administration.ts'
import { type App, isCarried } from '../../api/app.ts'
import { appKinds } from '../../api/app-kinds.ts'
import type { Actor } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Transaction } from '../../api/database.ts'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import { entityTags, resourceInvalid } from '../../api/resource.ts'
import type { Change, Revisions } from '../../api/revisions.ts'
import type { SecretBox } from '../../api/secret-box.ts'
import type { LoadedPlugin } from '../../base/loader/plugin-loader.ts'
import type { Log } from '../../kernel/log.ts'
import { type AppConfigs, appDocument, appKind, readApp } from './app-document.ts'
import { clashOf, hostsOf } from './app-hosts.ts'
import { type AppIndex, type AppIndexNeeds, createAppIndex, type StoredApp } from './app-index.ts'
import { AppSpec } from './app-schema.ts'
import { createHeaderSecrets } from './header-secrets.ts'
import type { CatalogTables } from './migrations.ts'

/** The apps, and the changes that administrators make. */
export interface RunningCatalog
  extends Catalog,
    Omit<AppAdministration, 'probe'>,
    Pick<AppIndex, 'bindsIn'> {}

interface CatalogNeeds extends AppIndexNeeds {
  readonly revisions: Revisions
  readonly plugins: readonly Pick<LoadedPlugin, 'plugin'>[]
  /** The names of the certificate that a host gets. */
  readonly certificates: { covers(host: string): { readonly ok: boolean; readonly sans: readonly string[] } }
  readonly secretBox: SecretBox
}

/** Keeps the catalog in memory, up to date by the change sequence. */
export function createCatalog(rooms: CatalogNeeds): RunningCatalog {
  const { revisions, publicNames, kernel, certificates, clock, log } = rooms
  const headerSecrets = createHeaderSecrets(rooms.secretBox)
  const index = createAppIndex(rooms, headerSecrets)
  const appConfigs: AppConfigs = Object.fromEntries(
    rooms.plugins.flatMap(({ plugin: { name, appConfig } }) => (appConfig ? [[name, appConfig]] : [])),
  )
  /** The kinds that loaded plugins serve. */
  const kinds = () => kernel.slot(appKinds)
  const servedByHub = (app: App) => appKind(app.protocol, kinds())?.servedByHub ?? false

  const readDocument = (document: unknown, name?: string): AppInput =>
    readApp(document, publicNames, {
      kinds: kinds(),
      appConfigs,
      ...(name !== undefined && { name }),
    })

  function checkCertificate(input: AppInput): void {
    const faults = hostsOf(input).flatMap((host, at) => {
      const { ok, sans } = certificates.covers(host.replace('*', 'any'))
      const message = `is not covered by the certificate, which is for ${sans.join(', ') || 'no name'}`
      return ok
        ? []
        : [{ path: ['spec', ...(at === 0 ? ['public_addr'] : ['aliases', `${at - 1}`])], message }]
    })
    if (faults.length > 0) throw resourceInvalid(faults)
  }

  function warnOfUnserved(app: App): void {
    const served = kinds().map((kind) => kind.name)
    if (!served.includes(app.protocol))
      log.warn(
        { app: app.name, protocol: app.protocol, served },
        'no loaded plugin serves apps of this protocol',
      )
  }

  async function store(
    trx: Transaction,
    change: Change,
    input: AppInput,
    old: StoredApp | null,
    type: string,
    by: Actor | null,
  ): Promise<void> {
    const db = trx.withTables<CatalogTables>()
    const hosts = hostsOf(input)
    if (hosts.length > 0) {
      // Changes of the hub and of other hubs take their turn, so what is read here is still true at the end.
      const others = await db
        .selectFrom('apps')
        .select(['name', 'document'])
        .where('name', '!=', input.name)
        .where((where) =>
          where.or([
            where('public_addr', 'in', hosts),
            where('document', 'like', '%"aliases":%'),
            ...hosts
              .filter((host) => host.startsWith('*.'))
              .map((host) => where('public_addr', 'like', `%${host.slice(1)}`)),
          ]),
        )
        .execute()
      for (const { name, document } of others) {
        const { spec } = JSON.parse(document) as { spec: Pick<AppSpec, 'public_addr' | 'aliases'> }
        const its = hostsOf({ publicAddr: spec.public_addr ?? '', aliases: spec.aliases ?? [] })
        const clash = clashOf(hosts, its)
        if (clash !== null) throw addressTaken(clash, name, by)
      }
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

  const put: RunningCatalog['put'] = async (input, mode, actor, preconditions = {}) => {
    checkCertificate(input)
    const created = await revisions.write(async (trx, change) => {
      const old = await index.findIn(trx, input.name)
      entityTags.check(preconditions, old?.app ? appDocument(old.app) : old?.row)
      if (old && mode === 'create') {
        throw problemFor(
          'app_exists',
          `The app ${input.name} already exists; \`mezctl apps update\` changes it.`,
        )
      }
      // Nobody knows its labels.
      if (old && !old.app) actor?.mayGive?.({ rules: [{ kinds: ['app'], verbs: ['update'] }] })
      const before = old ? (old.app?.labels ?? {}) : undefined
      actor?.mayGive?.({ labels: { kind: 'app', ...(before && { before }), after: input.labels } })
      await store(trx, change, input, old, old ? 'app.updated' : 'app.created', actor)
      return old === null
    }, actor)
    const app = index.named(input.name)
    if (!app) throw appNotFound(input.name)
    warnOfUnserved(app)
    warnOfSharedUri(app, index.registered(), log)
    return { created, app }
  }

  return {
    byHost: index.byHost,
    byName: index.byName,
    byId: index.byId,
    list: index.list,
    spec: AppSpec,
    appConfigs,
    read: readDocument,
    documentOf: appDocument,
    registered: index.registered,
    servedByHub,
    urlOf: (app) => (servedByHub(app) ? `https://${app.publicAddr}${publicNames.portSuffix}/` : null),
    secretHeaders: headerSecrets.open,
    bindsIn: index.bindsIn,

    check(input, by) {
      checkCertificate(input)
      const hosts = hostsOf(input)
      const holder = index.holderOf(hosts, input.name)
      if (holder) throw addressTaken(clashOf(hosts, hostsOf(holder)) ?? input.publicAddr, holder.name, by)
    },
    put,
    register: async (document, by) => (await put(readDocument(document), 'create', by)).app,
    async change(name, next, actor) {
      await revisions.write(async (trx, change) => {
        const old = await index.findIn(trx, name)
        const before = old?.app
        if (!before) throw appNotFound(name)
        const input = next(before)
        const type =
          input.enabled === before.enabled ? 'app.updated' : input.enabled ? 'app.enabled' : 'app.disabled'
        await store(trx, change, input, old, type, actor)
      }, actor)
      const app = index.named(name)
      if (!app) throw appNotFound(name)
      return app
    },

    async remove(name, actor) {
      const before = index.named(name)
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

function warnOfSharedUri(app: App, registered: readonly App[], log: Log): void {
  if (!isCarried(app)) return
  const same = registered.filter(({ uri, id }) => uri === app.uri && id !== app.id)
  if (same.length === 0) return
  // The audience of an assertion is the URI, so each app could use its assertions at the other one.
  const others = same.slice(0, 10).map(({ name }) => name)
  log.warn(
    { app: app.name, others },
    'apps share a uri, so their assertions have one audience; check the claim `app`',
  )
}

/** That an address is taken cannot be hidden. By which app is said only to who may list all. */
function addressTaken(host: string, name: string, by: Actor | null): Problem {
  let whose = 'another app'
  try {
    if (by) {
      by.mayGive?.({ rules: [{ kinds: ['app'], verbs: ['list'] }] })
      whose = `the app ${name}`
    }
  } catch {
    // The name stays hidden.
  }
  return problemFor('public_addr_taken', `spec: ${host} is taken by ${whose}`)
}

export function appNotFound(name: string): Problem {
  return problemFor('app_not_found', `There is no app ${name}; \`mezctl apps ls\` lists them.`)
}
