import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Transaction } from '../../api/database.ts'
import { createBatches, untilServed } from '../../base/limits/batches.ts'
import { MezError } from '../../kernel/error.ts'
import type { RunningRevisions } from '../../state/revisions/revisions.ts'

/** A sign-in after which nothing but the last login would differ. */
export interface KnownLogin {
  /** `User.key`. */
  readonly key: string
  readonly issuer: string
  readonly sub: string
  readonly connector: string
  /** As stored. */
  readonly mappedRoles: string
  /** As stored; null: not compared. */
  readonly profile: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
  /** See `Users.signIn`. */
  readonly stands?: ((trx: Transaction) => Promise<void>) | undefined
}

/** `busy`: somebody else has the row, either another login of the same person or a change. */
type Outcome = 'stored' | 'differs' | 'busy' | { readonly refused: unknown }

/** How often a login whose row is busy is tried again, and how long before, in milliseconds: longer than another login takes. */
const AGAIN = { times: 3, afterMs: 50 }

/**
 * Stores the last logins of people whose user is already stored as it would be written: beside the changes, so that
 * sign-ins do not wait for them, nor those of one person for each other. The returned function resolves to false, having
 * done nothing, when the user differs or is being changed; then a change must decide. `wait`: before it tries again.
 */
export function createKnownLogins(
  { append }: Pick<RunningRevisions, 'append'>,
  wait: () => Promise<unknown> = () => pause(AGAIN.afterMs),
): (login: KnownLogin) => Promise<boolean> {
  async function write(trx: Transaction, logins: readonly KnownLogin[]) {
    const outcomes: Outcome[] = logins.map(() => 'differs')
    for (const [at, { stands }] of logins.entries()) {
      try {
        await stands?.(trx)
      } catch (refused) {
        outcomes[at] = { refused }
      }
    }
    const asked = [...logins.entries()].filter(([at]) => outcomes[at] === 'differs')
    const isSame = sql`users.key = login.key AND users.issuer = login.issuer AND users.sub = login.sub
      AND users.connector = login.connector AND users.mapped_roles = login.mapped_roles
      AND users.admin_kept IS NULL AND (login.profile IS NULL OR users.profile = login.profile)`
    const column = <T>(of: (login: KnownLogin) => T) => asked.map(([, login]) => of(login))
    // Waiting for a locked row here could block the change that has locked it.
    const { rows } = await sql<{ place: number; key: string; busy: boolean }>`
      WITH login AS (
        SELECT * FROM unnest(${asked.map(([at]) => at)}::integer[], ${column(({ key }) => key)}::text[],
          ${column(({ issuer }) => issuer)}::text[], ${column(({ sub }) => sub)}::text[],
          ${column(({ connector }) => connector)}::text[], ${column(({ mappedRoles }) => mappedRoles)}::text[],
          ${column(({ profile }) => profile)}::text[], ${column(({ at }) => at)}::float8[])
          AS login (place, key, issuer, sub, connector, mapped_roles, profile, at)
      ), same AS (
        SELECT users.key, login.place, login.at
        FROM login JOIN users ON ${isSame}
        FOR UPDATE OF users SKIP LOCKED
      ), stored AS (UPDATE users SET last_login = same.at FROM same WHERE users.key = same.key)
      SELECT place, users.key, same.key IS NULL AS busy
      FROM login JOIN users ON ${isSame} LEFT JOIN same USING (place)`.execute(trx)
    for (const { place, busy } of rows) outcomes[place] = busy ? 'busy' : 'stored'
    const stored = rows.filter(({ busy }) => !busy)
    return { value: outcomes, noted: stored.map(({ key }) => ['user', key] as const) }
  }

  const store = createBatches<KnownLogin, Outcome>({
    ...untilServed,
    refuse: () =>
      new MezError('MEZ_DATABASE_UNAVAILABLE', 'the sign-in was not stored: too many others are waiting'),
    run: (logins) => append((trx) => write(trx, logins)),
  })

  return async (login) => {
    for (let tries = 0; ; tries += 1) {
      const outcome = await store(login)
      if (typeof outcome === 'object') throw outcome.refused
      if (outcome !== 'busy' || tries === AGAIN.times) return outcome === 'stored'
      await wait()
    }
  }
}
