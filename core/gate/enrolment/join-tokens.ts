import { createHash, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { v4 as uuid } from 'uuid'
import type { JoinTokenAdministration } from '../../api/administration.ts'
import type { Actor } from '../../api/audit.ts'
import type { Database, Transaction } from '../../api/database.ts'
import type { Problem } from '../../api/problem.ts'
import { problemFor } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import { isHostname } from '../../wire/tunnel-protocol.ts'
import type { AgentTables, JoinTokenTable } from './agent-tables.ts'

/** One-use tokens that admit an agent. Only their SHA-256 is stored, which is enough for 256 random bits. */
export interface JoinTokens extends JoinTokenAdministration {
  /**
   * Marks the token as used in one statement, so that of many agents at once only one succeeds. A token that `hostname`
   * itself has used is returned too, with a `used_key`: its agent may have missed the response. Throws `Problem`.
   */
  spend(trx: Transaction, token: string, hostname: string): Promise<JoinTokenTable>
  /** The stored hash of the token with this `joinTokenId`, if it has not expired. */
  findHash(tokenId: string): Promise<string | null>
  /** Stores what the spent token was exchanged for. */
  exchanged(
    trx: Transaction,
    id: string,
    result: { readonly key: string; readonly serial: string },
  ): Promise<void>
}

/** How long used and expired tokens stay listed. */
const KEEP_MS = 30 * 24 * 60 * 60_000
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Creates and removes tokens with an audit event in the same transaction. */
export function createJoinTokens(options: {
  readonly db: Database
  readonly revisions: Pick<Revisions, 'write'>
  readonly clock: Clock
}): JoinTokens {
  const { revisions, clock } = options
  const db = options.db.withTables<AgentTables>()
  const event = (type: string, id: string, by: Actor, agent: string | null) => ({
    type,
    success: true,
    by,
    fields: { token: id, agent },
  })

  return {
    async create({ agentHostname: wanted, ttlMs, by }) {
      const agentHostname = wanted?.toLowerCase() ?? null
      if (agentHostname !== null && !isHostname(agentHostname))
        throw problemFor('hostname_invalid', `${wanted} cannot be the host name of an agent.`)
      const id = uuid()
      const token = randomBytes(32).toString('base64url')
      const now = clock.now()
      await revisions.write(async (trx, change) => {
        const tables = trx.withTables<AgentTables>()
        await tables
          .deleteFrom('join_tokens')
          .where('expires', '<', new Date(now - KEEP_MS))
          .execute()
        await tables
          .insertInto('join_tokens')
          .values({
            id,
            hash: hashOf(token),
            agent_hostname: agentHostname,
            created: new Date(now),
            expires: new Date(now + ttlMs),
            used_at: null,
            used_by: null,
            used_key: null,
            used_serial: null,
          })
          .execute()
        await change.audit(event('token.created', id, by, agentHostname))
      }, by)
      return { id, token }
    },
    list: async () =>
      await db
        .selectFrom('join_tokens')
        .select(['id', 'agent_hostname', 'created', 'expires', 'used_at'])
        .orderBy('created')
        .execute(),
    remove: (id, by) =>
      revisions.write(async (trx, change) => {
        const [row] = await trx
          .withTables<AgentTables>()
          .deleteFrom('join_tokens')
          .where('id', '=', id)
          .returning('agent_hostname')
          .execute()
        if (!row) return false
        await change.audit(event('token.deleted', id, by, row.agent_hostname))
        return true
      }, by),
    async spend(trx, token, hostname) {
      const tables = trx.withTables<AgentTables>()
      const now = new Date(clock.now())
      const [fresh] = await tables
        .updateTable('join_tokens')
        .set({ used_at: now, used_by: hostname })
        .where('hash', '=', hashOf(token))
        .where('used_at', 'is', null)
        .where('expires', '>', now)
        .returningAll()
        .execute()
      if (fresh) return fresh as JoinTokenTable
      const [used] = await tables
        .selectFrom('join_tokens')
        .selectAll()
        .where('hash', '=', hashOf(token))
        .where('used_by', '=', hostname)
        .where('used_key', 'is not', null)
        .where('expires', '>', now)
        .execute()
      if (used) return used as JoinTokenTable
      throw tokenRefused()
    },
    async findHash(tokenId) {
      const [row] = await db
        .selectFrom('join_tokens')
        .select('hash')
        .where(sql`encode(sha256(convert_to(hash, 'UTF8')), 'hex')`, '=', tokenId)
        // A used token is sent again by an agent that missed the response.
        .where('expires', '>', new Date(clock.now()))
        .execute()
      return row?.hash ?? null
    },
    async exchanged(trx, id, { key, serial }) {
      await trx
        .withTables<AgentTables>()
        .updateTable('join_tokens')
        .set({ used_key: key, used_serial: serial })
        .where('id', '=', id)
        .execute()
    },
  }
}

export const tokenRefused = (): Problem =>
  problemFor('token_refused', 'The join token is unknown, expired or used.')
