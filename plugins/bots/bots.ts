import { randomBytes } from 'node:crypto'
import { type Actor, defineResource, type RunningChange, type Sessions } from '@mezite/core'
import type { Collection } from '@mezite/core/administration'
import { createNetworks, type Networks } from '@mezite/core/identity'
import { type BotDocument, BotSpec, botNotFound, readBot, USER_PREFIX } from './bot-resource.ts'
import type { BotRow } from './migrations.ts'

/** A secret of a bot; times in milliseconds since the epoch. */
export interface BotSecret {
  readonly hash: string
  readonly created: number
  /** The last use, within an hour; null: it was never used. */
  readonly used: number | null
}

/** A bot as every hub of the cluster has it in memory. */
export interface StoredBot {
  readonly name: string
  /** `bot:<name>`. */
  readonly user: string
  readonly document: BotDocument
  readonly holder: string
  readonly secret: BotSecret | null
  /** The one before, which still counts for a time. */
  readonly oldSecret: (BotSecret & { readonly until: number }) | null
  /** Null: any address. */
  readonly allowFrom: Networks | null
  /** Null: it acts for itself. */
  readonly agent: BotAgent | null
}

/** For whom a bot acts. */
export interface BotAgent {
  /** The name in the document. */
  readonly person: string
  /** The identity that has agreed; null: nobody has, and the bot does not count. */
  readonly holder: string | null
  readonly consented: number | null
  /** Whether the person has made it. */
  readonly own: boolean
}

export type StoredBots = Collection<StoredBot, BotRow, BotDocument>

export const newHolder = (): string => randomBytes(32).toString('base64url')

/** For whom a stored document says that the bot acts; undefined: for itself. */
export const personOf = (document: string): string | undefined =>
  (JSON.parse(document) as BotDocument).spec.acts_for

const specOf = (document: string): string => JSON.stringify((JSON.parse(document) as BotDocument).spec)

/** What a session was opened by: all of it but the roles, which count as they are at each request. */
const proofsOf = (document: string): string => {
  const { roles: _, ...rest } = (JSON.parse(document) as BotDocument).spec
  return JSON.stringify(rest)
}

type SecretColumns = Pick<
  BotRow,
  'secret_hash' | 'secret_created' | 'secret_used' | 'old_hash' | 'old_created' | 'old_used' | 'old_until'
>

/** Nobody has agreed that the bot acts for them. */
export const NO_CONSENT = { acts_holder: null, consented: null, confirmed: null, own: null }

/** The columns of a bot without a secret before the present one. */
export const NO_OLD_SECRET = { old_hash: null, old_created: null, old_used: null, old_until: null }
export const NO_SECRET: SecretColumns = {
  ...{ secret_hash: null, secret_created: null, secret_used: null },
  ...NO_OLD_SECRET,
}

function secretOf(hash: string | null, created: number | null, used: number | null): BotSecret | null {
  return hash === null ? null : { hash, created: Number(created), used: used === null ? null : Number(used) }
}

function oldSecretOf({ old_hash, old_created, old_used, old_until }: SecretColumns): StoredBot['oldSecret'] {
  const old = secretOf(old_hash, old_created, old_used)
  return old && { ...old, until: Number(old_until) }
}

const timeOf = (at: number | null | undefined) => (at == null ? null : new Date(at).toISOString())

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
    read: ({ name, document, holder, ...row }) => {
      const read = readBot(JSON.parse(document), { name })
      const { allow_from: allowFrom, acts_for: person } = read.spec
      return {
        name,
        user: USER_PREFIX + name,
        document: read,
        holder,
        secret: secretOf(row.secret_hash, row.secret_created, row.secret_used),
        oldSecret: oldSecretOf(row),
        allowFrom: allowFrom === undefined ? null : createNetworks(allowFrom),
        agent:
          person === undefined
            ? null
            : {
                ...{ person, holder: row.acts_holder, own: row.own !== null },
                consented: row.consented === null ? null : Number(row.consented),
              },
      }
    },
    unreadable: 'it is denied access',
    show: ({ document, secret, oldSecret, agent }) => ({
      ...document,
      status: {
        ...{ secret_created: timeOf(secret?.created), secret_used: timeOf(secret?.used) },
        ...{ old_secret_created: timeOf(oldSecret?.created), old_secret_used: timeOf(oldSecret?.used) },
        old_secret_until: timeOf(oldSecret?.until),
        // Only agents need it.
        ...(agent && { consented: timeOf(agent.consented) }),
      },
    }),
    search: ({ name, user, document: { metadata, spec } }) => [
      ...[name, user, metadata.description ?? ''],
      ...spec.roles.map((role) => `role:${role}`),
      ...(spec.acts_for === undefined ? [] : [spec.acts_for]),
    ],
    sorts: { name: ({ name }) => name, secret_created: ({ secret }) => secret?.created ?? null },
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
          // Whatever the person has agreed to is the whole of it, roles included.
          const agreed = kept && (old.acts_holder === null || specOf(old.document) === specOf(document))
          const holder = agreed ? old.holder : newHolder()
          // A secret that was made for one person must not work for another, or for the bot itself.
          const moved = old !== undefined && personOf(old.document) !== bot.spec.acts_for
          const gone = { ...(agreed ? {} : NO_CONSENT), ...(moved ? NO_SECRET : {}) }
          const stored = { ...NO_SECRET, ...NO_CONSENT, ...old, ...gone }
          return { ...stored, name: bot.metadata.name, document, holder, updated }
        },
        within: async ({ row, old, ...change }) => {
          requireRoles(change.by, [row, ...(old ? [old] : [])])
          if (old !== undefined && old.holder !== row.holder) await endSessions(sessions, row.name, change)
          return undefined
        },
      },
      remove: {
        cuts: true,
        within: async ({ row, ...change }) => {
          requireRoles(change.by, [row])
          await endSessions(sessions, row.name, change)
          return undefined
        },
      },
    },
  })
}

/** Whoever changes a bot can act as it, so they need all rights that its roles give. An unreadable bot has no roles. */
export function requireRoles(by: Actor, rows: readonly BotRow[]): void {
  const roles = rows.flatMap(({ name, document }) => {
    try {
      return readBot(JSON.parse(document), { name }).spec.roles
    } catch {
      return []
    }
  })
  by.mayGive?.({ roles })
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
