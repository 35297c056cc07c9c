import type { Actor } from '@mezite/core'
import type { LockKind } from '../../../core/gate/access/lock.ts'
import type { RunningLocks } from '../../../core/gate/access/locks.ts'

/** A lock as tests ask for it. */
export interface WantedLock {
  readonly kind: LockKind
  readonly target: string
  readonly message?: string | null
  readonly ttlMs?: number | null
}

/** Creates and removes locks as the API does. */
export function lockChanges({ collection }: RunningLocks) {
  return {
    async create({ kind, target, message = null, ttlMs = null }: WantedLock, by: Actor) {
      const ttl_seconds = ttlMs === null ? null : ttlMs / 1_000
      return (await collection.create({ target: { [kind]: target }, message, ttl_seconds }, by)).row
    },
    remove: (id: string, by: Actor) => collection.remove(id, by),
  }
}
