import type { Actor, Change, Clock, grants, ServiceRef, Transaction } from '@mezite/core'
import type { AccessRequest } from './request.ts'
import type { RequestStore } from './store.ts'

export type Grants = typeof grants extends ServiceRef<infer G> ? G : never

/** The change in which a request is written. */
export interface Running {
  readonly trx: Transaction
  readonly change: Change
}

/** The access that approved requests give. */
export function createRequestGrants(parts: {
  readonly store: Pick<RequestStore, 'update'>
  readonly grants: Grants
  readonly clock: Clock
}) {
  const { store, grants, clock } = parts
  return {
    /** Starts the grant, in the change that approves. */
    async start(request: AccessRequest, forMs: number, by: Actor, { trx, change }: Running): Promise<void> {
      const now = clock.now()
      const fields = {
        request: request.id,
        app: request.app_name,
        request_reason: request.reason,
        break_glass: request.break_glass,
      }
      const started = await grants.start(
        {
          user: request.user_name,
          role: request.role,
          until: now + forMs,
          fields,
          apps: request.app === null ? null : [request.app],
        },
        by,
        { trx, change },
      )
      const { id: grant_id, until } = started
      await store.update(trx, request.id, { state: 'approved', grant_id, until })
    },

    async end(
      request: AccessRequest,
      how: 'ended' | 'revoked',
      by: Actor | null,
      { trx, change }: Running,
    ): Promise<void> {
      const { id, grant_id } = request
      if (grant_id !== null)
        await grants.end([grant_id], how === 'ended' ? 'released' : 'revoked', by, {
          within: { trx, change },
          fields: { request: id },
        })
      await store.update(trx, id, { state: how, closed: clock.now() })
    },
  }
}
