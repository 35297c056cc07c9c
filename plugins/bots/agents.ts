import { createHash, randomBytes } from 'node:crypto'
import type { Actor, Clock, RunningChange, Sessions, Users } from '@mezite/core'
import type { NameRelease } from '@mezite/core/types'
import { readBot } from './bot-resource.ts'
import {
  endSessions,
  NO_CONSENT,
  NO_OLD_SECRET,
  newHolder,
  personOf,
  type StoredBot,
  type StoredBots,
} from './bots.ts'
import type { BotRow, BotTables } from './migrations.ts'
import { problemFor } from './reasons.ts'
import { hashSecret, newSecret } from './secret.ts'

/** A confirmation with a passkey counts for so long, and once. */
const FRESH_MS = 5 * 60_000
const MOST_AGENTS = 10
const NAME = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/
/** Opens no app, and an agent administers nothing. */
const ADMIN = 'admin'

/** What a person does with the programs that act for them. Null: they must confirm with a passkey first. Each throws `Problem`. */
export interface Agents {
  /** Those that act for this user, or would if the user agreed. */
  ofUser(user: string): readonly StoredBot[]
  /** One of them. Throws `Problem` 404. */
  one(name: string, user: string): StoredBot
  /** What a person has seen of a bot, as a text that changes with it. */
  seenOf(bot: StoredBot): string
  /** The roles that this user may lend. */
  rolesFor(user: string): readonly string[]
  /** Agrees to what was seen. */
  consent(name: string, seen: string, by: Actor): Promise<true | null>
  /** Makes one with a secret, which is not shown again. */
  create(given: NewAgent, by: Actor): Promise<ShownSecret | null>
  /** Replaces the secret of one that the person has made. */
  renew(name: string, by: Actor): Promise<ShownSecret | null>
  /** Removes one that the person has made, and takes the consent from any other; their sessions end. */
  end(name: string, by: Actor): Promise<void>
  /** Ends all agents of a name that is taken from its holder. */
  release(release: NameRelease): Promise<void>
}

export interface NewAgent {
  readonly name: string
  readonly roles: readonly string[]
}

/** Shown once. */
export interface ShownSecret {
  readonly name: string
  readonly secret: string
}

/** The confirmation was used for another agent, or it has ended. */
class Unconfirmed extends Error {}

export function createAgents(needs: {
  readonly bots: StoredBots
  readonly sessions: Pick<Sessions, 'byId' | 'listIn' | 'end'>
  readonly users: Pick<Users, 'byName' | 'keyOf' | 'rolesOf' | 'holderIn'>
  readonly clock: Clock
}): Agents {
  const { bots, sessions, users, clock } = needs

  const ofUser = (name: string): readonly StoredBot[] => {
    const user = users.byName(name)
    if (user === undefined || user.holder === null) return []
    return [...bots.items.values()]
      .filter(({ agent }) => agent !== null && users.keyOf(agent.person) === user.key)
      .filter(({ agent }) => agent?.holder == null || agent.holder === user.holder)
      .sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  function one(name: string, user: string): StoredBot {
    const found = ofUser(user).find((bot) => bot.name === name)
    if (found === undefined) throw problemFor('bot_not_yours')
    return found
  }

  const rolesFor = (user: string) => users.rolesOf(user).filter((role) => role !== ADMIN)

  /** The person who sits at the browser, with a confirmation that is fresh; null: there is none. */
  function confirmedBy({ subject }: Actor) {
    const session = sessions.byId(subject.sessionId ?? '')
    const user = users.byName(subject.user)
    if (subject.kind !== 'session' || session?.kind !== 'hub' || user === undefined || user.holder === null)
      throw problemFor('bot_not_yours')
    if (user.holder !== session.holder) throw problemFor('bot_not_yours')
    const all = session.satisfied.filter(({ name, appId }) => name === 'session-mfa' && appId === null)
    const newest = all.sort((one, other) => other.at - one.at)[0]
    if (newest === undefined || clock.now() - newest.at > FRESH_MS) return null
    return { session, user, holder: user.holder, at: newest.at }
  }

  type Confirmed = NonNullable<ReturnType<typeof confirmedBy>>

  /** Changes an agent of the person; the confirmation counts for this one alone. */
  async function change(
    name: string,
    by: Actor,
    { session, user, holder, at }: Confirmed,
    { event, set }: { readonly event: string; readonly set: (row: BotRow) => Partial<BotRow> },
  ): Promise<true | null> {
    const columns = (row: BotRow) => {
      if (users.keyOf(personOf(row.document) ?? '') !== user.key) throw problemFor('bot_not_yours')
      return { ...set(row), confirmed: at, holder: newHolder() }
    }
    try {
      await bots.update(name, by, columns, {
        event,
        async within({ row, ...running }) {
          const { trx } = running
          const spent = await trx
            .withTables<BotTables>()
            .selectFrom('bots')
            .select('name')
            .where('acts_holder', '=', holder)
            .where('confirmed', '=', at)
            .where('name', '!=', row.name)
            .executeTakeFirst()
          const live = await sessions.listIn(trx, { user: user.name })
          const isTheirs = (await users.holderIn(trx, user.name)) === holder
          if (spent !== undefined || !isTheirs || !live.some(({ id }) => id === session.id))
            throw new Unconfirmed()
          await endSessions(sessions, row.name, running)
          return undefined
        },
      })
    } catch (error) {
      if (error instanceof Unconfirmed) return null
      throw error
    }
    return true
  }

  /** Once for each agent too. */
  function isSpent(row: BotRow, { at }: Confirmed): boolean {
    return row.confirmed !== null && Number(row.confirmed) === at
  }

  /** An unreadable one must not keep a person from being removed, and counts for nobody. */
  function isFor({ document }: BotRow, key: string): boolean {
    try {
      return users.keyOf(personOf(document) ?? '') === key
    } catch {
      return false
    }
  }

  const withSecret = (secret: string): Partial<BotRow> => {
    const made = { secret_hash: hashSecret(secret), secret_created: clock.now(), secret_used: null }
    return { ...made, ...NO_OLD_SECRET }
  }

  return {
    ofUser,
    one,
    rolesFor,
    seenOf: ({ holder, document, secret, oldSecret }) =>
      seenIn(holder, JSON.stringify(document), secret?.hash ?? null, oldSecret?.hash ?? null),

    async consent(name, seen, by) {
      const confirmed = confirmedBy(by)
      one(name, by.subject.user)
      if (confirmed === null) return null
      return change(name, by, confirmed, {
        event: 'consented',
        set(row) {
          const document = JSON.stringify(readBot(JSON.parse(row.document), { name }))
          if (
            row.acts_holder !== null ||
            seenIn(row.holder, document, row.secret_hash, row.old_hash) !== seen
          )
            throw problemFor('bot_changed')
          if (isSpent(row, confirmed)) throw new Unconfirmed()
          return { acts_holder: confirmed.holder, consented: clock.now(), own: null }
        },
      })
    },

    async create({ name: given, roles }, by) {
      const { user } = by.subject
      const own = rolesFor(user)
      if (!NAME.test(given) || roles.length === 0 || !roles.every((role) => own.includes(role)))
        throw problemFor('bot_form_invalid')
      if (ofUser(user).filter(({ agent }) => agent?.own).length >= MOST_AGENTS)
        throw problemFor('bot_agent_limit')
      const confirmed = confirmedBy(by)
      if (confirmed === null) return null
      // Names are for everybody, so nobody takes one that an operator would choose.
      const name = `${given}-${randomBytes(4).toString('hex')}`
      const spec = { roles: [...roles], acts_for: confirmed.user.name }
      const document = readBot({ kind: 'bot', version: 'v1', metadata: { name }, spec }, { name })
      // Its roles are those of the person, so it gives nobody more.
      const { mayGive: _, ...maker } = by
      await bots.put(name, document, maker, { 'if-none-match': '*' })
      const secret = newSecret()
      const set = () => ({
        ...withSecret(secret),
        ...{ acts_holder: confirmed.holder, consented: clock.now(), own: 1 },
      })
      const done = await change(name, by, confirmed, { event: 'consented', set }).catch((error) => error)
      if (done === true) return { name, secret }
      await bots.remove(name, maker)
      if (done === null) return null
      throw done
    },

    async renew(name, by) {
      const confirmed = confirmedBy(by)
      one(name, by.subject.user)
      if (confirmed === null) return null
      const secret = newSecret()
      const done = await change(name, by, confirmed, {
        event: 'updated',
        set(row) {
          if (row.own === null || row.acts_holder !== confirmed.holder) throw problemFor('bot_not_yours')
          if (isSpent(row, confirmed)) throw new Unconfirmed()
          return withSecret(secret)
        },
      })
      return done && { name, secret }
    },

    async end(name, by) {
      const { user: person, kind } = by.subject
      const { agent } = one(name, person)
      const holder = users.byName(person)?.holder ?? null
      if (kind !== 'session' || holder === null || agent?.holder !== holder) throw problemFor('bot_not_yours')
      await bots.update(
        name,
        by,
        (row) => {
          if (row.acts_holder !== holder) throw problemFor('bot_not_yours')
          return { ...NO_CONSENT, holder: newHolder() }
        },
        {
          event: 'consent_withdrawn',
          async within({ row, ...running }) {
            await endSessions(sessions, row.name, running)
            return undefined
          },
        },
      )
      const { mayGive: _, ...remover } = by
      if (agent.own) await bots.remove(name, remover)
    },

    async release({ trx, change, key, by }) {
      const table = trx.withTables<BotTables>()
      for (const row of await table.selectFrom('bots').selectAll().execute()) {
        if (row.acts_holder === null || !isFor(row, key)) continue
        const running: RunningChange & { readonly by: Actor } = { trx, change, by }
        await endSessions(sessions, row.name, running)
        // A secret that somebody knows must not act for the next holder of the name.
        if (row.own === null)
          await table
            .updateTable('bots')
            .set({ ...NO_CONSENT, holder: newHolder() })
            .where('name', '=', row.name)
            .execute()
        else await table.deleteFrom('bots').where('name', '=', row.name).execute()
        change.touch('bot', row.name)
        const type = row.own === null ? 'bot.consent_withdrawn' : 'bot.deleted'
        await change.audit({ type, success: true, by, fields: { name: row.name, bot: row.name } })
      }
    },
  }
}

function seenIn(holder: string, document: string, secret: string | null, old: string | null): string {
  return createHash('sha256')
    .update(JSON.stringify([holder, document, secret, old]))
    .digest('base64url')
}
