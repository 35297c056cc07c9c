import { Problem, type RunningChange, type Session, type User } from '@mezite/core'
import { sha256 } from './challenge.ts'
import { type Deps, PASSKEY } from './deps.ts'
import type { KeyRow } from './migrations.ts'

/** The mark that an assertion by this passkey leaves in a session; it is removed with the passkey. */
export function markOf({ hardware, clock }: Deps, key: KeyRow) {
  const level = hardware.qualifies(key) ? ('hardware_key' as const) : ('webauthn' as const)
  return { name: 'session-mfa', level, at: clock.now(), by: sha256(key.id) }
}

/** Stores the mark of an assertion by a passkey of the person in a session, for one app or for all. Throws `Problem` 400. */
export async function storeMark(
  { keys, sessions }: Deps,
  { key, user }: { readonly key: KeyRow; readonly user: User },
  session: Session,
  mark: ReturnType<typeof markOf>,
  app?: string,
): Promise<void> {
  await sessions.remember(session, mark, app)
  if (await keys.byId(key.id)) return
  // Its removal meanwhile may have missed the entry that was just written.
  await sessions.forget(user.name, mark.by)
  throw new Problem(400, 'key_unknown', 'This passkey has just been removed.')
}

/**
 * Runs in the change that removes a passkey, which is no longer trusted: removes its confirmations from all sessions and ends
 * other sign-ins by it. Sign-ins without a mark, mostly of command lines, may be by any passkey, so they end as well.
 * `kept` is the session of the person who removes it.
 */
export async function dropMarks(
  { sessions }: Deps,
  { user, keyId, kept }: { readonly user: User; readonly keyId: string; readonly kept: Session },
  within: RunningChange,
): Promise<void> {
  const by = sha256(keyId)
  const theirs = await sessions.listIn(within.trx, { user: user.name })
  const signedIn = theirs.filter(
    ({ id, kind, connector, satisfied }) =>
      kind !== 'app' &&
      connector === PASSKEY &&
      id !== kept.id &&
      (satisfied.some((mark) => mark.by === by) || satisfied.every((mark) => mark.by === undefined)),
  )
  await sessions.end(
    signedIn.map(({ id }) => id),
    'revoked',
    sessions.subjectOf(kept) ?? null,
    within,
  )
  await sessions.forget(user.name, by, within)
}
