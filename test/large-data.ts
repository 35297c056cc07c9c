import { setTimeout as pause } from 'node:timers/promises'
import {
  type Change,
  type Database,
  database,
  defineHubPlugin,
  migrations,
  type Revisions,
  revisions,
  type Transaction,
} from '../core/index.ts'
import { largeRows } from './large-rows.ts'
import { countTraffic, trailMigrations } from './large-trail.ts'

/** How much there is of each. */
export interface LargeSizes {
  readonly people: number
  readonly apps: number
  readonly roles: number
  /** Sets of roles that people have. */
  readonly sets: number
  readonly agents: number
  readonly bots: number
  /** API tokens. */
  readonly tokens: number
  readonly requests: number
  readonly locks: number
  readonly sessions: number
  readonly grants: number
  /** Of the audit trail: requests, and what is among them. */
  readonly events: number
}

/** What tests and screenshots of a large company look at. */
export const STANDING: LargeSizes = {
  people: 3_000,
  apps: 400,
  roles: 60,
  sets: 33,
  agents: 30,
  bots: 20,
  tokens: 0,
  requests: 50,
  locks: 15,
  sessions: 300,
  grants: 20,
  events: 200_000,
}

/** Rows of one change: a query has at most 65,535 parameters, and a change at most 8 s. */
const ROWS = 500

type Rows = readonly Readonly<Record<string, unknown>>[]

/** Writes the data through the change sequence. */
async function fill(
  use: { readonly database: Database; readonly revisions: Revisions },
  sizes: LargeSizes,
  appsDomain: string,
): Promise<void> {
  const rows = largeRows(sizes, appsDomain)
  const many = <T>(count: number, row: (index: number) => T): T[] =>
    Array.from({ length: count }, (_, index) => row(index))
  const insert = async (table: string, rows: Rows, kind?: string, key = 'id') => {
    for (let from = 0; from < rows.length; from += ROWS)
      await use.revisions.write(async (trx: Transaction, change: Change) => {
        const part = rows.slice(from, from + ROWS)
        // biome-ignore lint/suspicious/noExplicitAny: the tables are those of several rooms and plugins
        await trx.withTables<any>().insertInto(table).values(part).execute()
        if (kind !== undefined) for (const row of part) change.touch(kind, String(row[key]))
      })
  }
  const apps = many(sizes.apps, rows.app)
  const appAt = (index: number) => apps[(index * 17) % apps.length]!
  const grants = many(sizes.grants, (index) => rows.grant(index, appAt(index).id))
  await insert('rbac_roles', many(sizes.roles, rows.role), 'role', 'name')
  await insert('apps', apps, 'app', 'name')
  await insert('agents', many(sizes.agents, rows.agent), 'agent', 'hostname')
  await insert('users', many(sizes.people, rows.user), 'user', 'key')
  await insert('webauthn_keys', many(sizes.people, rows.passkey))
  await insert('sessions', many(sizes.sessions, rows.session), 'session')
  await insert('locks', many(sizes.locks, rows.lock), 'lock')
  await insert('grants', grants, 'grant')
  const request = (index: number) => rows.request(index, appAt(index), grants[index - sizes.requests])
  await insert('access_requests', many(sizes.requests + sizes.grants, request), 'access-request')
  await insert('bots', many(sizes.bots, rows.bot), 'bot', 'name')
  await insert('api_tokens', many(sizes.tokens, rows.token), 'api-token')
  if (sizes.events > 0) await countTraffic(use.database)
}

/**
 * A plugin that fills its hub with the data of a large company, without events unless they are named. Resolve `filled`
 * before the first question.
 */
export function largeData(different: Partial<LargeSizes> = {}, appsDomain = 'apps.mezite.localhost') {
  const sizes = { ...STANDING, events: 0, ...different }
  const { promise: filled, resolve, reject } = Promise.withResolvers<void>()
  const plugin = defineHubPlugin({
    name: 'large-data',
    api: 1,
    summary: 'Fills the hub with the data of a large company',
    needs: { database, revisions },
    provides: { migrations },
    setup({ use, tap, provide }) {
      provide.migrations(trailMigrations(sizes))
      tap.lifecycle.start(async () => {
        // Changes are possible once the hub has started.
        void pause(0)
          .then(() => fill(use, sizes, appsDomain))
          .then(resolve, reject)
      })
    },
  })
  return { plugin, filled }
}
