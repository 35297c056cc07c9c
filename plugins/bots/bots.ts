import { randomBytes } from 'node:crypto'
import { type Actor, defineResource, type RunningChange, type Sessions } from '@mezite/core'
import type { Collection } from '@mezite/core/administration'
import { createNetworks, type Networks } from '@mezite/core/identity'
import { type BotDocument, BotSpec, botNotFound, readBot, USER_PREFIX } from './bot-resource.ts'
import type { BotRow } from './migrations.ts'

/** A bot as every hub of the cluster has it in memory. */
export interface StoredBot {
  readonly name: string
  /** `bot:<name>`. */
  readonly user: string
  readonly document: BotDocument
  readonly holder: string
  readonly secretHash: string | null
  /** Milliseconds since the epoch. */
  readonly secretCreated: number | null
  /** Null: any address. */
  readonly allowFrom: Networks | null
}

export type StoredBots = Collection<StoredBot, BotRow, BotDocument>

export const newHolder = (): string => randomBytes(32).toString('base64url')

/** What a session was opened by: all of it but the roles, which count as they are at each request. */
const proofsOf = (document: string): string => {
  const { roles: _, ...rest } = (JSON.parse(document) as BotDocument).spec
  return JSON.stringify(rest)
}

/** The declaration of the resource `bot`. */
export function botResource(sessions: Pick<Sessions, 'listIn' | 'end'>) {
  return defineResource<StoredBot, BotRow, BotDocument>({
    name: 'bot',
    collection: 'bots',
    table: 'bots',
    key: 'name',
    form: { spec: BotSpec },
    example: {
      kind: 'bot',
      version: 'v1',
      metadata: { name: 'ci', description: 'Jobs of the shop' },
      spec: { roles: ['deploy'], allow_from: ['10.0.0.0/8'], max_token_ttl: '15m' },
    },
    read: ({ name, document, holder, secret_hash, secret_created }) => {
      const read = readBot(JSON.parse(document), { name })
      const { allow_from: allowFrom } = read.spec
      return {
        name,
        user: USER_PREFIX + name,
        document: read,
        holder,
        secretHash: secret_hash,
        secretCreated: secret_created === null ? null : Number(secret_created),
        allowFrom: allowFrom === undefined ? null : createNetworks(allowFrom),
      }
    },
    unreadable: 'it is denied access',
    show: ({ document, secretCreated }) => ({
      ...document,
      status: { secret_created: secretCreated === null ? null : new Date(secretCreated).toISOString() },
    }),
    search: ({ name, user, document: { metadata, spec } }) => [
      ...[name, user, metadata.description ?? ''],
      ...spec.roles.map((role) => `role:${role}`),
    ],
    sorts: { name: ({ name }) => name, secret_created: ({ secretCreated }) => secretCreated },
    audited: ({ name }) => ({ name, bot: name }),
    missing: botNotFound,
    verbs: {
      list: { summary: 'All accounts of programs' },
      get: {},
      put: {
        cuts: true,
        parse: readBot,
        row: (bot, old, updated) => {
          const document = JSON.stringify(bot)
          const kept = old !== undefined && proofsOf(old.document) === proofsOf(document)
          const holder = kept ? old.holder : newHolder()
          const { secret_hash = null, secret_created = null } = old ?? {}
          return { name: bot.metadata.name, document, holder, secret_hash, secret_created, updated }
        },
        within: async ({ row, old, ...change }) => {
          if (old !== undefined && old.holder !== row.holder) await endSessions(sessions, row.name, change)
          return undefined
        },
      },
      remove: {
        cuts: true,
        within: async ({ row, ...change }) => {
          await endSessions(sessions, row.name, change)
          return undefined
        },
      },
    },
  })
}

/** Ends all sessions of a bot as part of a change. */
export async function endSessions(
  sessions: Pick<Sessions, 'listIn' | 'end'>,
  name: string,
  { trx, change, by }: RunningChange & { readonly by: Actor },
): Promise<void> {
  const ids = (await sessions.listIn(trx, { user: USER_PREFIX + name })).map(({ id }) => id)
  if (ids.length > 0) await sessions.end(ids, 'revoked', by.subject, { trx, change })
}
