import { randomUUID } from 'node:crypto'
import type { Actor, Clock, Revisions, View } from '@mezite/core'
import type { AdapterPayload } from 'oidc-provider'
import type { OperatorClientRow, Tables } from './migrations.ts'
import { problemFor } from './reasons.ts'

const KIND = 'operator-client'
const TABLE = 'authorization_server_clients'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'

/** A program that an operator made known. It has no secret: it proves by PKCE that it redeems its own code. */
export interface OperatorClient {
  readonly clientId: string
  readonly name: string
  readonly redirectUris: readonly string[]
  /** Whether it may also get in by a code that people type. */
  readonly device: boolean
  /** Milliseconds since the epoch. */
  readonly created: number
}

/** The programs that operators made known. In memory, by the change sequence. */
export interface OperatorClients {
  byId(clientId: string): OperatorClient | undefined
  list(): readonly OperatorClient[]
  /** The metadata of the client as the library reads it. */
  metadata(clientId: string): AdapterPayload | undefined
  /** Throws `Problem` 409 `client_exists` if there is one of this name. */
  create(client: Pick<OperatorClient, 'name' | 'redirectUris' | 'device'>, by: Actor): Promise<OperatorClient>
  remove(clientId: string, by: Actor): Promise<void>
}

export function createOperatorClients(deps: {
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
  readonly clock: Clock
}): OperatorClients {
  const { revisions, clock } = deps
  let all = new Map<string, OperatorClient>()

  const view: View = {
    name: 'operator-clients',
    kinds: [KIND],
    async loadAll(trx) {
      const rows = await trx.withTables<Tables>().selectFrom(TABLE).selectAll().orderBy('name').execute()
      return () => {
        all = new Map(rows.map((row) => [row.id, clientOf(row as OperatorClientRow)]))
      }
    },
    // There are few, and they rarely change.
    refresh: (trx) => view.loadAll(trx),
  }
  revisions.addView(view)

  return {
    byId: (clientId) => all.get(clientId),
    list: () => [...all.values()],
    metadata(clientId) {
      const client = all.get(clientId)
      if (client === undefined) return undefined
      const redirects = client.redirectUris.length > 0
      return {
        ...{ client_id: clientId, client_name: client.name, application_type: 'native' },
        token_endpoint_auth_method: 'none',
        redirect_uris: [...client.redirectUris],
        grant_types: [
          ...(redirects ? ['authorization_code'] : []),
          'refresh_token',
          ...(client.device ? [DEVICE] : []),
        ],
        response_types: redirects ? ['code'] : [],
      } as AdapterPayload
    },
    async create({ name, redirectUris, device }, by) {
      const row: OperatorClientRow = {
        ...{ id: randomUUID(), name, redirect_uris: JSON.stringify(redirectUris), device },
        created: clock.now(),
      }
      await revisions.write(async (trx, change) => {
        const db = trx.withTables<Tables>()
        const added = await db
          .insertInto(TABLE)
          .values(row)
          .onConflict((conflict) => conflict.column('name').doNothing())
          .returning('id')
          .executeTakeFirst()
        if (added === undefined)
          throw problemFor(
            'client_exists',
            `There is a program ${name} already; \`mezctl clients ls\` lists it.`,
          )
        change.touch(KIND, row.id)
        const fields = { name, client: row.id, kind: 'operator' }
        await change.audit({ type: 'client.registered', success: true, by, fields })
      }, by)
      return clientOf(row)
    },
    async remove(clientId, by) {
      const name = all.get(clientId)?.name ?? null
      await revisions.write(async (trx, change) => {
        await trx.withTables<Tables>().deleteFrom(TABLE).where('id', '=', clientId).execute()
        change.touch(KIND, clientId)
        const fields = { name, client: clientId, kind: 'operator' }
        await change.audit({ type: 'client.removed', success: true, by, fields })
      }, by)
    },
  }
}

/** An unreadable row has no redirect URIs, so nobody gets a code by it. */
function clientOf({ id, name, redirect_uris, device, created }: OperatorClientRow): OperatorClient {
  let uris: unknown = null
  try {
    uris = JSON.parse(redirect_uris)
  } catch {}
  return Object.freeze({
    ...{ clientId: id, name, device: device === true, created: Number(created) },
    redirectUris: Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [],
  })
}
