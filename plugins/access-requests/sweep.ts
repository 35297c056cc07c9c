import type {
  Actor,
  Change,
  Clock,
  grants,
  Log,
  Revisions,
  ServiceRef,
  Transaction,
  Users,
} from '@mezite/core'
import { messageOf } from '@mezite/core'
import type { RequestDesk } from './desk.ts'
import type { Messages } from './messages.ts'
import { type AccessRequest, stateOf } from './request.ts'
import { KIND, type RequestStore } from './store.ts'

type Grants = typeof grants extends ServiceRef<infer G> ? G : never

/** Keeps what is stored true while time passes and people change. */
export interface Sweep {
  /** Writes down requests that have expired and access that has ended. Resolves to what it did. */
  record(): Promise<string>
  /** Ends access that was not used yet and whose approver may no longer approve. */
  withdraw(): Promise<void>
  /** Closes the requests of a name, in the change that takes it from its holder. The hub ends the grants. */
  release(of: {
    readonly trx: Transaction
    readonly change: Pick<Change, 'touch' | 'audit'>
    /** `User.key`. */
    readonly key: string
    readonly by: Actor
  }): Promise<void>
}

export function createSweep(parts: {
  readonly store: RequestStore
  readonly desk: Pick<RequestDesk, 'reviewerOf'>
  readonly messages: Pick<Messages, 'decided'>
  readonly revisions: Pick<Revisions, 'write'>
  readonly grants: Grants
  readonly users: Pick<Users, 'byName'>
  readonly clock: Clock
  readonly log: Log
}): Sweep {
  const { store, desk, messages, revisions, grants, users, clock, log } = parts

  /** Those whose stored state is behind. */
  function behind(): readonly AccessRequest[] {
    const live = new Set(grants.list().map(({ id }) => id))
    const now = clock.now()
    return store.recent().filter((request) => {
      if (stateOf(request, now) !== request.stored) return true
      return request.stored === 'approved' && !live.has(request.grant_id ?? '')
    })
  }

  function lost(): readonly AccessRequest[] {
    const now = clock.now()
    return store
      .recent()
      .filter(
        (request) =>
          stateOf(request, now) === 'approved' &&
          request.used === null &&
          !request.break_glass &&
          standing(request) < request.approvals,
      )
  }
  const standing = (request: AccessRequest): number =>
    request.reviews.filter(({ approves, reviewer_name }) => {
      const user = users.byName(reviewer_name)
      return approves && user !== undefined && desk.reviewerOf(request, user) !== null
    }).length

  async function withdraw(): Promise<void> {
    if (lost().length === 0) return
    await revisions.write(async (trx, change) => {
      for (const request of lost()) {
        const { id, grant_id } = request
        await grants.end([grant_id ?? ''], 'approver_lost', null, {
          within: { trx, change },
          fields: { request: id },
        })
        await store.update(trx, id, { state: 'revoked', closed: clock.now() })
        change.touch(KIND, id)
        await messages.decided(request, 'revoked', trx)
      }
    })
  }

  return {
    async release({ trx, change, key, by }) {
      for (const request of await store.openIn(trx, key)) {
        const { id, user_name: name, role, app_name: app } = request
        const pending = request.stored === 'pending'
        await store.update(trx, id, { state: pending ? 'cancelled' : 'ended', closed: clock.now() })
        change.touch(KIND, id)
        if (pending)
          await change.audit({
            type: 'access_request.cancelled',
            success: true,
            by,
            fields: { request: id, name, role, app },
          })
      }
      for (const id of await store.disown(trx, key)) change.touch(KIND, id)
    },
    async record() {
      const found = behind()
      if (found.length === 0) return 'nothing to do'
      await revisions.write(async (trx, change) => {
        for (const request of behind()) {
          const { id, user_name: name, role, app_name: app } = request
          const expired = request.stored === 'pending'
          await store.update(trx, id, { state: expired ? 'expired' : 'ended', closed: clock.now() })
          change.noted(KIND, id)
          await messages.decided(request, expired ? 'expired' : 'ended', trx)
          if (expired)
            await change.audit({
              type: 'access_request.expired',
              success: true,
              fields: { request: id, name, role, app },
            })
        }
      })
      return `${found.length} closed`
    },
    withdraw: () =>
      withdraw().catch((error: unknown) =>
        log.error({ cause: messageOf(error) }, 'failed to end access whose approver may no longer approve'),
      ),
  }
}
