import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Actor, App, Catalog, Clock, Revisions, View } from '@mezite/core'
import type { AdapterPayload } from 'oidc-provider'
import type { AppClientRow, Tables } from './migrations.ts'
import { problemFor } from './reasons.ts'

const KIND = 'app-client'
const PREFIX = 'app-'
const TABLE = 'authorization_server_app_clients'

/** The OpenID client of an app that has a sign-in of its own. */
export interface AppClient {
  /** UUID of the app, so that another app under the same name does not get it. */
  readonly appId: string
  readonly clientId: string
  readonly redirectUris: readonly string[]
  /** Where the app is told that a person's sign-in has ended (OpenID Back-Channel Logout); null: nowhere. */
  readonly logoutUri: string | null
  /** Milliseconds since the epoch. */
  readonly created: number
}

export interface AppClientChange {
  readonly redirectUris?: readonly string[] | undefined
  readonly logoutUri?: string | null | undefined
  readonly rotateSecret?: boolean | undefined
}

/** The apps that sign people in through the hub: their clients, which operators make. In memory, by the change sequence. */
export interface AppClients {
  /** The id of the app that this client belongs to; undefined for other clients. */
  appOf(clientId: string): string | undefined
  of(app: App): AppClient | undefined
  /** The metadata of the client as the library reads it; undefined if there is no such client, or its app is gone. */
  metadata(clientId: string): AdapterPayload | undefined
  /** Whether the secret is that of the client, whose metadata has its hash. */
  accepts(clientId: string, secret: string): boolean
  /** The apps that are told of ended sign-ins at this address. */
  appsToldAt(url: string): readonly App[]
  /** Makes or changes the client of an app. The secret is returned only when it is new. */
  put(
    app: App,
    change: AppClientChange,
    by: Actor,
  ): Promise<{ readonly client: AppClient; readonly secret: string | null }>
  /** Throws `Problem` 404 `app_client_not_found`. */
  remove(app: App, by: Actor): Promise<AppClient>
}

interface Held extends AppClient {
  readonly secretHash: string
}

/** Keeps the clients of apps, with hashes of their secrets. */
export function createAppClients(deps: {
  readonly revisions: Pick<Revisions, 'write' | 'addView'>
  readonly catalog: Pick<Catalog, 'byId'>
  readonly clock: Clock
}): AppClients {
  const { revisions, catalog, clock } = deps
  let byClient = new Map<string, Held>()

  const view: View = {
    name: 'app-clients',
    kinds: [KIND],
    async loadAll(trx) {
      const rows = await trx.withTables<Tables>().selectFrom(TABLE).selectAll().execute()
      return () => {
        byClient = new Map(rows.map((row) => [PREFIX + row.app_id, heldOf(row as AppClientRow)]))
      }
    },
    // There are few, and they rarely change.
    refresh: (trx) => view.loadAll(trx),
  }
  revisions.addView(view)

  return {
    appOf: (clientId) => byClient.get(clientId)?.appId,
    of: ({ id }) => byClient.get(PREFIX + id),
    metadata(clientId) {
      const held = byClient.get(clientId)
      const app = held && catalog.byId(held.appId)
      if (!held || !app) return undefined
      return {
        client_id: clientId,
        client_secret: held.secretHash,
        client_name: app.display?.name ?? app.name,
        application_type: 'web',
        token_endpoint_auth_method: 'client_secret_basic',
        redirect_uris: [...held.redirectUris],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        ...(held.logoutUri !== null && {
          backchannel_logout_uri: held.logoutUri,
          backchannel_logout_session_required: true,
        }),
      } as AdapterPayload
    },
    accepts(clientId, secret) {
      const held = byClient.get(clientId)
      return held !== undefined && timingSafeEqual(Buffer.from(held.secretHash), Buffer.from(hashOf(secret)))
    },
    appsToldAt: (url) =>
      [...byClient.values()].flatMap(({ appId, logoutUri }) => {
        const app = logoutUri === url ? catalog.byId(appId) : undefined
        return app ?? []
      }),

    async put(app, { redirectUris, logoutUri, rotateSecret = false }, by) {
      const before = byClient.get(PREFIX + app.id)
      const uris = redirectUris ?? before?.redirectUris ?? []
      if (uris.length === 0) {
        const detail = `${app.name} has no redirect URI yet. Name it with --redirect-uri; the app's documentation has it.`
        throw problemFor('redirect_uri_missing', detail)
      }
      const secret =
        before === undefined || rotateSecret ? `mezite_oc_${randomBytes(32).toString('base64url')}` : null
      const row: AppClientRow = {
        app_id: app.id,
        secret_hash: secret === null ? (before as Held).secretHash : hashOf(secret),
        redirect_uris: JSON.stringify(uris),
        logout_uri: logoutUri === undefined ? (before?.logoutUri ?? null) : logoutUri,
        created: before?.created ?? clock.now(),
      }
      await revisions.write(async (trx, change) => {
        const { app_id: _, ...changed } = row
        await trx
          .withTables<Tables>()
          .insertInto(TABLE)
          .values(row)
          .onConflict((conflict) => conflict.column('app_id').doUpdateSet(changed))
          .execute()
        change.touch(KIND, app.id)
        await change.audit({
          type: 'client.registered',
          success: true,
          by,
          fields: { name: app.name, client: PREFIX + app.id, kind: 'app', new_secret: secret !== null },
        })
      }, by)
      return { client: heldOf(row), secret }
    },

    async remove(app, by) {
      const held = byClient.get(PREFIX + app.id)
      if (!held) {
        const detail = `${app.name} has no OpenID client; \`mezctl apps oidc ${app.name} --redirect-uri URI\` makes one.`
        throw problemFor('app_client_not_found', detail)
      }
      await revisions.write(async (trx, change) => {
        await trx.withTables<Tables>().deleteFrom(TABLE).where('app_id', '=', app.id).execute()
        change.touch(KIND, app.id)
        await change.audit({
          type: 'client.removed',
          success: true,
          by,
          fields: { name: app.name, client: held.clientId, kind: 'app' },
        })
      }, by)
      return held
    },
  }
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64url')

/** An unreadable row has no redirect URIs, so nobody gets a code by it. */
function heldOf({ app_id, secret_hash, redirect_uris, logout_uri, created }: AppClientRow): Held {
  let uris: unknown = null
  try {
    uris = JSON.parse(redirect_uris)
  } catch {}
  return Object.freeze({
    appId: app_id,
    clientId: PREFIX + app_id,
    secretHash: secret_hash,
    redirectUris: Array.isArray(uris) ? uris.filter((uri) => typeof uri === 'string') : [],
    logoutUri: logout_uri,
    created: Number(created),
  })
}
