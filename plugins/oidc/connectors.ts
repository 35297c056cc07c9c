import type { JsonWebKey } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import {
  type Actor,
  type Clock,
  defineResource,
  type Log,
  type Problem,
  type PublicNames,
  type Revisions,
  type RunningChange,
  type SecretBox,
  type Sessions,
  type Transaction,
  Type,
  type Users,
} from '@mezite/core'
import type { Collection } from '@mezite/core/administration'
import { isPrivateKey, publicJwkOf } from './client-key.ts'
import {
  type ConnectorDocument,
  ConnectorSpec,
  type ReadConnector,
  readConnector,
} from './connector-resource.ts'
import type { OidcTables } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** A connector in memory. A new object for each version, so it can key caches. */
export interface Connector {
  readonly name: string
  readonly document: ConnectorDocument
  readonly sealedSecret: Buffer | null
}

type ConnectorRow = OidcTables['oidc_connectors']

/** The connectors: read from memory on every hub, written through the change sequence. */
export function createConnectors(deps: {
  revisions: Revisions
  secretBox: SecretBox
  sessions: Pick<Sessions, 'listIn' | 'end'>
  users: Pick<Users, 'dropMappedRoles'>
  publicNames: PublicNames
  clock: Clock
  log: Log
}) {
  const { secretBox, users, sessions, publicNames } = deps

  /** The client secret or private key, or null for a public client. Never kept in the clear. */
  function secretOf({ name, sealedSecret }: Pick<Connector, 'name' | 'sealedSecret'>): string | null {
    if (sealedSecret === null) return null
    return secretBox.open(secretPlace(name), sealedSecret).toString('utf8')
  }

  /** The keys that the provider needs for `private_key_jwt`; null when no private key is stored. */
  function publicKeysOf(connector: Connector): readonly JsonWebKey[] | null {
    const secret = secretOf(connector)
    return secret !== null && isPrivateKey(secret) ? [publicJwkOf(secret)] : null
  }

  /**
   * Ends the sessions of the connector and removes its mapped roles, which would otherwise stay in the API tokens of people
   * who can no longer sign in. Returns the number of sessions.
   */
  async function endTrust(
    name: string,
    reason: 'connector_deleted' | 'connector_changed',
    { trx, change, by }: RunningChange & { readonly by: Actor },
  ): Promise<number> {
    await trx.withTables<OidcTables>().deleteFrom('oidc_logins').where('connector', '=', name).execute()
    await users.dropMappedRoles(trx, change, name, by)
    const ids = (await sessions.listIn(trx, { connector: name })).map(({ id }) => id)
    return sessions.end(ids, reason, by.subject, { trx, change })
  }

  /** The connector of a document, which takes the secret of `old` if it has none itself. Throws `Problem` 400. */
  function connectorFrom({ document, secret }: ReadConnector, old: Connector | undefined): Connector {
    const { name } = document.metadata
    if (secret === undefined && old?.sealedSecret && moved(old.document, document)) {
      const detail = 'A connector with a new issuer or client needs its client_secret or private_key again.'
      throw problemFor('resource_invalid', detail)
    }
    requireFitting(document, secret ?? (old ? secretOf(old) : null))
    const sealedSecret =
      secret === undefined
        ? (old?.sealedSecret ?? null)
        : secretBox.seal(secretPlace(name), Buffer.from(secret))
    return { name, document, sealedSecret }
  }

  const resource = defineResource<Connector, ConnectorRow, ReadConnector>({
    name: 'connector',
    collection: 'connectors',
    table: 'oidc_connectors',
    key: 'name',
    form: {
      kind: 'oidc',
      spec: ConnectorSpec,
      status: {
        redirect_uri: Type.String(),
        client_secret_stored: Type.Boolean(),
        private_key_stored: Type.Boolean(),
      },
    },
    example: {
      kind: 'oidc',
      version: 'v1',
      metadata: { name: 'company', description: 'Company account' },
      spec: {
        issuer_url: 'https://id.example.com/realms/main',
        client_id: 'mezite',
        client_secret: { value: 'the secret of the client' },
        claims_to_roles: [{ claim: 'groups', value: 'platform-team', roles: ['platform'] }],
      },
    },
    read: connectorOf,
    unreadable: 'nobody can sign in through it',
    show(connector) {
      const keys = publicKeysOf(connector)
      return {
        ...connector.document,
        status: {
          redirect_uri: callbackUrl(publicNames, connector.name),
          client_secret_stored: connector.sealedSecret !== null && keys === null,
          private_key_stored: keys !== null,
          ...(keys === null ? {} : { public_keys: { keys } }),
        },
      }
    },
    search: ({ name, document: { metadata, spec } }) => [name, metadata.description ?? '', spec.issuer_url],
    sorts: { name: ({ name }) => name },
    audited: ({ name }) => ({ connector: name }),
    missing: (name) =>
      problemFor('connector_unknown', `There is no connector ${name}; \`mezctl sso ls\` lists them.`),
    verbs: {
      list: {},
      get: {},
      put: {
        cuts: true,
        everyRight: true,
        parse: readConnector,
        // Without a new secret the stored one stays, unless the issuer or the client changes.
        row(read, row, updated) {
          const { name, document, sealedSecret } = connectorFrom(read, row && connectorOf(row))
          return { name, document: JSON.stringify(document), client_secret: sealedSecret, updated }
        },
        // A new issuer identifies other people, so sessions and mapped roles end as if the connector were removed.
        async within({ row, old, ...change }) {
          const issuerOf = (one: ConnectorRow) => connectorOf(one).document.spec.issuer_url
          const sameIssuer = !old || issuerOf(old) === issuerOf(row)
          return { cut: { sessions: sameIssuer ? 0 : await endTrust(row.name, 'connector_changed', change) } }
        },
      },
      remove: {
        cuts: true,
        everyRight: true,
        within: async ({ row: { name }, ...change }) => ({
          cut: { sessions: await endTrust(name, 'connector_deleted', change) },
        }),
      },
    },
  })
  const collection: Collection<Connector, ConnectorRow, ReadConnector> = resource.open(deps)

  return {
    resource,
    collection,
    byName: (name: string) => collection.items.get(name),
    list: () => [...collection.items.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    secretOf,

    /** The connector that saving this document would make. Throws as saving would; nothing is stored. */
    draftOf(body: unknown): Connector {
      const read = readConnector(body)
      return connectorFrom(read, collection.items.get(read.document.metadata.name))
    },

    /** Throws `Problem` 403 `connector_changed` when the transaction sees another version of it, or none. */
    async requireSame(trx: Transaction, connector: Connector): Promise<void> {
      const query = trx.withTables<OidcTables>().selectFrom('oidc_connectors').selectAll()
      const stored = await query.where('name', '=', connector.name).executeTakeFirst()
      if (!isDeepStrictEqual(stored && connectorOf(stored), connector)) throw connectorChanged()
    },
  }
}

export const callbackUrl = ({ signInOrigin }: PublicNames, connector: string): string =>
  `${signInOrigin}/v1/webapi/oidc/callback/${connector}`

const connectorOf = ({ name, document, client_secret: sealed }: ConnectorRow): Connector => ({
  name,
  document: JSON.parse(document) as ConnectorDocument,
  sealedSecret: sealed === null ? null : Buffer.from(sealed),
})

export type Connectors = ReturnType<typeof createConnectors>

export function connectorChanged(): Problem {
  return problemFor('connector_changed')
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
  throw problemFor('resource_invalid', `spec.token_auth: ${wanted} needs spec.${needs}`)
}
