import type { Sessions } from '@mezite/core'
import type { Adapter } from 'oidc-provider'
import { calls } from './calls.ts'
import { ROUTES } from './endpoint-routes.ts'
import type { Records } from './records.ts'

/** Ends the tokens of a grant together. */
export function createFamilies({
  records,
  sessions,
}: {
  readonly records: Pick<Records, 'remove' | 'row'>
  readonly sessions: Pick<Sessions, 'end'>
}) {
  /** Deletes everything of a grant, a client or an account, and cuts the streams of its tokens on every hub. */
  async function revoke(where: Parameters<Records['remove']>[0]): Promise<void> {
    await sessions.end(await records.remove(where), 'revoked', null)
  }

  /**
   * Ends everything of a grant, because a code or refresh token of it was used twice. The grant goes first: a token that is
   * being stored looks for it afterwards.
   */
  async function end(grantId: string): Promise<void> {
    await records.remove({ model: 'Grant', grant_id: grantId })
    await revoke({ grant_id: grantId })
  }

  return {
    revoke,
    /** The endpoint for tokens calls it for a code or token that was used before, and that for revocations for one token. */
    revokeTokens: (grantId: string): Promise<void> =>
      calls.getStore()?.request.url === ROUTES.token
        ? end(grantId)
        : revoke({ model: 'AccessToken', grant_id: grantId }),
    /** The storage of codes and refresh tokens: of several uses at once one wins, and ends with the others. */
    spending: (model: string, stored: Adapter): Adapter => ({
      ...stored,
      async consume(id) {
        try {
          await stored.consume(id)
        } catch (error) {
          const row = await records.row(model, id)
          if (row?.grant_id) await end(row.grant_id)
          throw error
        }
      },
    }),
  }
}
