import type { RunningChange, Session, User } from '@mezite/core'
import { sha256 } from './challenge.ts'
import type { Deps } from './deps.ts'
import { PASSKEY } from './local-issuer.ts'
import type { KeyRow } from './migrations.ts'

/** What an assertion by this key leaves in a session; it goes when the key goes. */
export function markOf({ hardware, clock }: Deps, key: KeyRow) {
  const level = hardware.qualifies(key) ? ('hardware_key' as const) : ('webauthn' as const)
  return { name: 'session-mfa', level, at: clock.now(), by: sha256(key.id) }
}

/**
 * In the change that removes a key, which is trusted no more: what it confirmed counts no more anywhere, and other
 * sign-ins by it end. Those that bear no mark do not say by which key, command lines above all, so they end as well.
 * `kept` is the session of the person who says so.
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
