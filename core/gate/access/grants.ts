import { v7 as uuidv7 } from 'uuid'
import type { Actor, AuditInput } from '../../api/audit.ts'
import type { Transaction } from '../../api/database.ts'
import type { Grant, Grants, NewGrant } from '../../api/grants.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Revisions, View } from '../../api/revisions.ts'
import type { RunningChange, Session } from '../../api/sessions.ts'
import { foldName, isRoleName } from '../../api/user-name.ts'
import type { NameRelease } from '../../api/users.ts'
import type { Clock } from '../../kernel/clock.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { LONGEST_TIMER_MS } from '../../wire/tunnel-protocol.ts'
import type { Accounts } from '../users/accounts.ts'
import type { AccessTables, GrantTable } from '../users/migrations.ts'
import { rolesAt } from './subject-at.ts'

const KIND = 'grant'
/** How long grants that have ended stay in the database. */
const KEPT_MS = 24 * 3_600_000
/** Each hub waits up to this long before it writes down an end, so that mostly one does. */
const JITTER_MS = 500
const RETRY_MS = 5_000

export interface RunningGrants {
  readonly service: Grants
  /** The live grants of the account while this holder has its name. */
  of(user: string, holder: string | null): readonly Grant[]
  isLive(grant: Grant): boolean
  /** The roles of the account at an app, with those of its live grants. */
  rolesAt(session: Pick<Session, 'user' | 'holder'>, appId: string): ReturnType<typeof rolesAt>
  /** Ends all grants of a name, in the change that takes it from its holder. */
  release(release: NameRelease): Promise<void>
  /** Starts to record ends that have come. Call it after `Revisions.start`. */
  watch(): void
  stop(): Promise<void>
}

/** A grant in memory. */
interface Held {
  readonly grant: Grant
  /** Null: started before the first sign-in, so for the identity that takes the name first, as assigned roles are. */
  readonly holder: string | null
  /** Its end by the monotonic clock, in case the wall clock is set back. */
  readonly deadline: number
}

/** Grants to end, and what their events say. `now` in milliseconds since the epoch. */
interface Ending {
  readonly ids: readonly string[]
  readonly now: number
  readonly endReason: string
  readonly by: Actor | null
  readonly fields?: AuditInput['fields'] | undefined
}

const NONE: readonly Grant[] = Object.freeze([])

interface GrantsNeeds {
  readonly revisions: Revisions
  readonly accounts: Accounts
  readonly clock: Clock
  readonly log: Log
}

/**
 * Keeps grants in memory, up to date by the change sequence. A grant whose end has come has no effect, whoever has written
 * that down.
 */
export function createGrants({ revisions, accounts, clock, log }: GrantsNeeds): RunningGrants {
  let held = new Map<string, Held>()
  let byUser = new Map<string, Held[]>()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let watching = false

  const leftMs = ({ grant, deadline }: Held): number =>
    Math.min(grant.until - clock.now(), deadline - clock.monotonic())
  const isLive = (one: Held | undefined): boolean => one !== undefined && leftMs(one) > 0

  const view: View = {
    name: 'grants',
    kinds: [KIND],
    async loadAll(trx) {
      const rows = await trx
        .withTables<AccessTables>()
        .selectFrom('grants')
        .selectAll()
        .where('ended', 'is', null)
        .execute()
      return () => {
        const before = held
        held = new Map(rows.map((row) => [row.id, before.get(row.id) ?? holdOf(row as GrantTable)]))
        byUser = Map.groupBy(held.values(), ({ grant }) => foldName(grant.user))
      }
    },
    // There are few grants, and they rarely change.
    refresh: (trx) => view.loadAll(trx),
  }
  revisions.addView(view)
  revisions.onApplied(() => {
    if (watching) schedule()
  })

  const holdOf = (row: GrantTable): Held => ({
    grant: grantIn(row),
    holder: row.holder,
    deadline: clock.monotonic() + (row.until - clock.now()),
  })

  function of(user: string, holder: string | null): readonly Grant[] {
    if (held.size === 0) return NONE
    const own = byUser.get(foldName(user))
    if (own === undefined) return NONE
    const isFor = (one: Held) => one.holder === null || one.holder === holder
    return own.filter((one) => isFor(one) && isLive(one)).map(({ grant }) => grant)
  }

  const write = <T>(
    within: RunningChange | undefined,
    by: Actor | null,
    work: (trx: Transaction, change: RunningChange['change']) => Promise<T>,
  ): Promise<T> => (within ? work(within.trx, within.change) : revisions.write(work, by))

  /** Writes down ends that have come, and forgets old ones. */
  async function record(): Promise<void> {
    const over = [...held.values()].filter((one) => !isLive(one)).map(({ grant }) => grant.id)
    if (over.length > 0)
      await revisions.write(async (trx, change) => {
        const old = trx.withTables<AccessTables>().deleteFrom('grants')
        await old.where('ended', '<', clock.now() - KEPT_MS).execute()
        await endIn({ trx, change }, { ids: over, now: clock.now(), endReason: 'expired', by: null })
      })
  }

  function schedule(atLeastMs = Math.random() * JITTER_MS): void {
    clearTimeout(timer)
    const next = Math.min(...[...held.values()].map(leftMs))
    if (next === Number.POSITIVE_INFINITY) return
    timer = setTimeout(
      () => {
        running = record().then(
          () => (watching ? schedule() : undefined),
          (error) => {
            log.warn({ cause: messageOf(error) }, 'failed to record the end of a grant')
            if (watching) schedule(RETRY_MS)
          },
        )
      },
      Math.min(Math.max(0, next) + atLeastMs, LONGEST_TIMER_MS),
    ).unref()
  }

  return {
    of,
    isLive: ({ id }) => isLive(held.get(id)),
    rolesAt: ({ user, holder }, appId) => rolesAt(accounts.rolesOf(user), of(user, holder), appId),
    async release({ trx, change, key, by }) {
      const open = trx.withTables<AccessTables>().selectFrom('grants').select(['id', 'user_name'])
      const rows = await open.where('ended', 'is', null).execute()
      const own = rows.filter(({ user_name }) => foldName(user_name) === key).map(({ id }) => id)
      await endIn({ trx, change }, { ids: own, now: clock.now(), endReason: 'name_released', by })
    },
    service: {
      async start(input, by, within) {
        // Plugins are compiled from JavaScript too, and a role that nobody has given is in no record.
        if (!by?.subject) throw problemFor('grant_invalid', 'A grant needs somebody who gives it.')
        return write(within, by, async (trx, change) => {
          const row = await rowFor(input, clock.now(), (names) => accounts.holdersIn(trx, names))
          const grant = grantIn(row)
          await trx.withTables<AccessTables>().insertInto('grants').values(row).execute()
          change.touch(KIND, grant.id)
          await change.audit(eventOf('grant.started', grant, by, input.fields))
          return grant
        })
      },
      end: (ids, reason, by, { within, fields } = {}) =>
        write(within, by, (trx, change) =>
          endIn({ trx, change }, { ids, now: clock.now(), endReason: reason, by, fields }),
        ),
      list(user) {
        const names = user === undefined ? [...byUser.keys()] : [user]
        const all = names.flatMap((name) => of(name, accounts.byName(name)?.holder ?? null))
        return all.sort((a, b) => (a.id < b.id ? -1 : 1))
      },
    },
    watch() {
      watching = true
      schedule()
    },
    async stop() {
      watching = false
      clearTimeout(timer)
      await running
    },
  }
}

/** The row of a new grant. Throws `Problem` 400 `grant_invalid` and 404 `user_not_found`. */
async function rowFor(
  { user, role, apps = null, until }: NewGrant,
  started: number,
  holdersOf: (names: readonly string[]) => ReturnType<Accounts['holdersIn']>,
): Promise<GrantTable> {
  const invalid = (detail: string) => problemFor('grant_invalid', detail)
  if (!isRoleName(role)) throw invalid('A grant needs the name of a role.')
  if (!Number.isFinite(until) || until <= started) throw invalid('A grant must end in the future.')
  const holder = (await holdersOf([user])).get(user)
  if (holder === undefined) throw problemFor('user_not_found', `There is no user ${user}.`)
  const list = apps === null ? null : JSON.stringify(apps)
  return { id: uuidv7(), user_name: user, holder, role, apps: list, started, until, ended: null }
}

/** Ends what is live of these, in the given change. */
async function endIn(
  { trx, change }: Pick<NameRelease, 'trx' | 'change'>,
  { ids, now, endReason, by, fields = {} }: Ending,
): Promise<readonly Grant[]> {
  if (ids.length === 0) return NONE
  const rows = await trx
    .withTables<AccessTables>()
    .updateTable('grants')
    .set({ ended: now })
    .where('id', 'in', ids)
    .where('ended', 'is', null)
    .returningAll()
    .execute()
  const ended = rows.map((row) => grantIn(row as GrantTable))
  for (const grant of ended) {
    change.touch(KIND, grant.id)
    await change.audit(eventOf('grant.ended', grant, by, { ...fields, end_reason: endReason }))
  }
  return ended
}

const grantIn = ({ id, user_name: user, role, apps, started, until }: GrantTable): Grant =>
  Object.freeze({ id, user, role, apps: appsOf(apps), started, until })

function appsOf(text: string | null): readonly string[] | null {
  if (text === null) return null
  const apps: unknown = JSON.parse(text)
  // An unreadable list reaches no app.
  return Object.freeze(Array.isArray(apps) ? apps.filter((one) => typeof one === 'string') : [])
}

function eventOf(
  type: string,
  { id, user, role, until }: Grant,
  by: Actor | null,
  fields: AuditInput['fields'] = {},
): AuditInput {
  const about = { grant_id: id, name: user, role, until: new Date(until).toISOString() }
  return { type, success: true, by, fields: { ...fields, ...about } }
}
