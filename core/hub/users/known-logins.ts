import { sql } from 'kysely'
import type { Transaction } from '../../api/database.ts'
import { MezError } from '../../kernel/error.ts'
import { createBatches, untilServed } from '../limits/batches.ts'
import type { RunningRevisions } from '../revisions/revisions.ts'

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

type Outcome = 'stored' | 'differs' | { readonly refused: unknown }

/**
 * Stores the last logins of people whose user is already stored as it would be written: beside the changes, so that
 * sign-ins do not wait for them. The returned function resolves to false, having done nothing, when the user differs or
 * is being changed; then a change must decide.
 */
export function createKnownLogins({
  append,
}: Pick<RunningRevisions, 'append'>): (login: KnownLogin) => Promise<boolean> {
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
    const column = <T>(of: (login: KnownLogin) => T) => asked.map(([, login]) => of(login))
    // A row that a change has locked is left to a change: waiting for it here could block that change.
    const { rows } = await sql<{ place: number; key: string }>`
      WITH same AS (
        SELECT users.key, login.place, login.at
        FROM unnest(${asked.map(([at]) => at)}::integer[], ${column(({ key }) => key)}::text[],
          ${column(({ issuer }) => issuer)}::text[], ${column(({ sub }) => sub)}::text[],
          ${column(({ connector }) => connector)}::text[], ${column(({ mappedRoles }) => mappedRoles)}::text[],
          ${column(({ profile }) => profile)}::text[], ${column(({ at }) => at)}::float8[])
          AS login (place, key, issuer, sub, connector, mapped_roles, profile, at)
        JOIN users ON users.key = login.key AND users.issuer = login.issuer AND users.sub = login.sub
          AND users.connector = login.connector AND users.mapped_roles = login.mapped_roles
          AND (login.profile IS NULL OR users.profile = login.profile)
        FOR UPDATE OF users SKIP LOCKED
      ), stored AS (UPDATE users SET last_login = same.at FROM same WHERE users.key = same.key)
      SELECT place, key FROM same`.execute(trx)
    for (const { place } of rows) outcomes[place] = 'stored'
    return { value: outcomes, noted: rows.map(({ key }) => ['user', key] as const) }
  }

  const store = createBatches<KnownLogin, Outcome>({
    ...untilServed,
    refuse: () =>
      new MezError('MEZ_DATABASE_UNAVAILABLE', 'the sign-in was not stored: too many others are waiting'),
    run: (logins) => append((trx) => write(trx, logins)),
  })

  return async (login) => {
    const outcome = await store(login)
    if (typeof outcome === 'object') throw outcome.refused
    return outcome === 'stored'
  }
}
