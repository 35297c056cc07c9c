import type { JsonWebKey } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import {
  type Actor,
  type Clock,
  entityTags,
  Problem,
  type Revisions,
  type RunningChange,
  type SecretBox,
  type Sessions,
  type Transaction,
  type Users,
  type View,
} from '@mezite/core'
import { isPrivateKey, publicJwkOf } from './client-key.ts'
import type { ConnectorDocument } from './connector-resource.ts'
import type { OidcTables } from './migrations.ts'

/** A connector in memory. A new object for each version, so it can key caches. */
export interface Connector {
  readonly name: string
  readonly document: ConnectorDocument
  readonly sealedSecret: Buffer | null
}

/** The services whose data ends with a connector. */
interface Affected {
  readonly users: Pick<Users, 'dropMappedRoles'>
  readonly sessions: Pick<Sessions, 'listIn' | 'end'>
}

const KIND = 'connector'

/** The connectors: read from memory on every hub, written through the change sequence. */
export function createConnectors(deps: { revisions: Revisions; secretBox: SecretBox; clock: Clock }) {
  const { revisions, secretBox, clock } = deps
  let byName: ReadonlyMap<string, Connector> = new Map()

  async function read(trx: Transaction, names: readonly string[] | null) {
    const query = trx.withTables<OidcTables>().selectFrom('oidc_connectors').selectAll()
    const rows = await (names === null ? query : query.where('name', 'in', names)).execute()
    return rows.map(
      (row): Connector => ({
        name: row.name,
        document: JSON.parse(row.document) as ConnectorDocument,
        sealedSecret: row.client_secret === null ? null : Buffer.from(row.client_secret),
      }),
    )
  }

  const view: View = {
    name: 'oidc-connectors',
    kinds: [KIND],
    async loadAll(trx) {
      const all = await read(trx, null)
      return () => {
        byName = new Map(all.map((one) => [one.name, one]))
      }
    },
    async refresh(trx, touched) {
      const names = [...(touched.get(KIND) ?? [])]
      const found = names.length === 0 ? [] : await read(trx, names)
      return () => {
        const next = new Map(byName)
        for (const name of names) next.delete(name)
        for (const one of found) next.set(one.name, one)
        byName = next
      }
    },
  }

  /** The client secret or private key, or null for a public client. Never kept in the clear. */
  function secretOf({ name, sealedSecret }: Pick<Connector, 'name' | 'sealedSecret'>): string | null {
    if (sealedSecret === null) return null
    return secretBox.open(secretPlace(name), sealedSecret).toString('utf8')
  }

  /**
   * Ends the sessions of the connector and removes its mapped roles, which would otherwise stay in the API tokens of people
   * who can no longer sign in. Returns the number of sessions.
   */
  async function endTrust(
    name: string,
    { users, sessions }: Affected,
    reason: 'connector_deleted' | 'connector_changed',
    by: Actor,
    { trx, change }: RunningChange,
  ): Promise<number> {
    await trx.withTables<OidcTables>().deleteFrom('oidc_logins').where('connector', '=', name).execute()
    await users.dropMappedRoles(trx, change, name)
    const ids = (await sessions.listIn(trx, { connector: name })).map(({ id }) => id)
    return sessions.end(ids, reason, by.subject, { trx, change })
  }

  return {
    view,
    byName: (name: string) => byName.get(name),
    list: () => [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    secretOf,

    /** The keys that the provider needs for `private_key_jwt`; null when no private key is stored. */
    publicKeysOf(connector: Connector): readonly JsonWebKey[] | null {
      const secret = secretOf(connector)
      return secret !== null && isPrivateKey(secret) ? [publicJwkOf(secret)] : null
    },

    /** Throws `Problem` 403 `connector_changed` when the transaction sees another version of it, or none. */
    async requireSame(trx: Transaction, connector: Connector): Promise<void> {
      const stored = (await read(trx, [connector.name]))[0]
      if (!isDeepStrictEqual(stored, connector)) throw connectorChanged()
    },

    /**
     * Creates or replaces a connector. Without a new secret the stored one stays, unless the issuer or the client changes. A
     * new issuer identifies other people, so sessions and mapped roles end as if the connector were removed.
     */
    async put(
      document: ConnectorDocument,
      secret: string | undefined,
      affected: Affected,
      by: Actor,
      preconditions: Parameters<typeof entityTags.check>[0] = {},
    ): Promise<{ created: boolean; ended: number }> {
      const { name } = document.metadata
      return revisions.write(async (trx, change) => {
        const db = trx.withTables<OidcTables>()
        const old = (await read(trx, [name]))[0]
        entityTags.check(preconditions, old?.document)
        if (secret === undefined && old?.sealedSecret && moved(old.document, document)) {
          const detail =
            'A connector with a new issuer or client needs its client_secret or private_key again.'
          throw new Problem(400, 'resource_invalid', detail)
        }
        requireFitting(document, secret ?? (old ? secretOf(old) : null))
        const sealed =
          secret === undefined
            ? (old?.sealedSecret ?? null)
            : secretBox.seal(secretPlace(name), Buffer.from(secret))
        const row = { name, document: JSON.stringify(document), client_secret: sealed, updated: clock.now() }
        await db
          .insertInto('oidc_connectors')
          .values(row)
          .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
          .execute()
        change.touch(KIND, name)
        const type = old ? 'connector.updated' : 'connector.created'
        await change.audit({ type, success: true, by, fields: { connector: name } })
        const sameIssuer = !old || old.document.spec.issuer_url === document.spec.issuer_url
        const ended = sameIssuer
          ? 0
          : await endTrust(name, affected, 'connector_changed', by, { trx, change })
        return { created: !old, ended }
      }, by)
    },

    /** Removes the connector, its sessions and its mapped roles; returns the number of sessions. */
    async remove(name: string, affected: Affected, by: Actor): Promise<number> {
      return revisions.write(async (trx, change) => {
        const gone = await trx
          .withTables<OidcTables>()
          .deleteFrom('oidc_connectors')
          .where('name', '=', name)
          .returning('name')
          .execute()
        if (gone.length === 0) {
          const detail = `There is no connector ${name}; \`mezctl sso ls\` lists them.`
          throw new Problem(404, 'connector_unknown', detail)
        }
        change.touch(KIND, name)
        await change.audit({ type: 'connector.deleted', success: true, by, fields: { connector: name } })
        return endTrust(name, affected, 'connector_deleted', by, { trx, change })
      }, by)
    },
  }
}

export type Connectors = ReturnType<typeof createConnectors>

export function connectorChanged(): Problem {
  return new Problem(
    403,
    'connector_changed',
    'The settings of this sign-in have just changed. Sign in again.',
  )
}

const secretPlace = (name: string) => ({ table: 'oidc_connectors', id: name, purpose: 'client-secret' })

function moved(old: ConnectorDocument, next: ConnectorDocument): boolean {
  return old.spec.issuer_url !== next.spec.issuer_url || old.spec.client_id !== next.spec.client_id
}

/** Rejects an authentication method that cannot work with the stored secret now, not at the first sign-in. */
function requireFitting({ spec }: ConnectorDocument, secret: string | null): void {
  const { token_auth: wanted } = spec
  if (wanted === 'auto') return
  const needs = wanted === 'private_key_jwt' ? 'private_key' : 'client_secret'
  const has = secret === null ? null : isPrivateKey(secret) ? 'private_key' : 'client_secret'
  if (has === needs || (has === null && needs === 'client_secret')) return
  throw new Problem(400, 'resource_invalid', `spec.token_auth: ${wanted} needs spec.${needs}`)
}
