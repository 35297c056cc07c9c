import type { RunningChange, Session, User } from '@mezite/core'
import { sha256 } from './challenge.ts'
import { type Deps, PASSKEY } from './deps.ts'
import type { KeyRow } from './migrations.ts'

/** The mark that an assertion by this passkey leaves in a session; it is removed with the passkey. */
export function markOf({ hardware, clock }: Deps, key: KeyRow) {
  const level = hardware.qualifies(key) ? ('hardware_key' as const) : ('webauthn' as const)
  return { name: 'session-mfa', level, at: clock.now(), by: sha256(key.id) }
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
