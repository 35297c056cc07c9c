import { createHash } from 'node:crypto'
import type { Actor, Database, Revisions, Transaction } from '@mezite/core'
import type { ProposedApp } from '@mezite/core/administration'
import type { ProposalRow, ProposalTables } from './migrations.ts'

/** An app that an agent proposes, until somebody decides. */
export interface Proposal {
  /** By the whole content: what an agent changes is another proposal. */
  readonly id: string
  readonly agent: string
  readonly app: ProposedApp
  readonly state: ProposalRow['state']
  readonly problem: string | null
  /** Milliseconds since the epoch. */
  readonly proposed: number
}

/** Stored proposals. Their changes affect no decision, so they leave the hub's caches alone. */
export interface Proposals {
  /** By name, then by agent. */
  list(): Promise<readonly Proposal[]>
  get(id: string): Promise<Proposal | undefined>
  ofAgent(agent: string): Promise<readonly Proposal[]>
  /** Removes those of `gone` that are pending, and adds those of `added` that do not exist yet, in one change. */
  replace(gone: readonly Proposal[], added: readonly Proposal[]): Promise<void>
  /** Returns false if the proposal has gone, or has been refused before. */
  refuse(proposal: Proposal, by: Actor): Promise<boolean>
  /** Removes one in any state; records `app_proposal.<event>`. */
  remove(proposal: Proposal, event: 'accepted' | 'removed', by: Actor | null): Promise<void>
  note(proposal: Proposal, problem: string): Promise<void>
}

const KIND = 'app_proposal'
const ID_CHARACTERS = 16

/** The id of what this agent proposes. */
export function idOf(agent: string, { name, uri, protocol, labels = {}, description }: ProposedApp): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))
  const content = JSON.stringify([agent, name, uri, protocol ?? null, sorted, description ?? null])
  return createHash('sha256').update(content).digest('hex').slice(0, ID_CHARACTERS)
}

const rowsIn = (trx: Transaction) => trx.withTables<ProposalTables>()

export function createProposals(db: Database, revisions: Pick<Revisions, 'write'>): Proposals {
  const rows = db.withTables<ProposalTables>()
  const audited = ({ agent, app }: Proposal) => ({ app: app.name, agent, uri: app.uri })
  const write = <T>(
    by: Actor | null,
    run: (
      trx: ReturnType<typeof rowsIn>,
      record: (event: string, one: Proposal) => Promise<void>,
    ) => Promise<T>,
  ): Promise<T> =>
    revisions.write((trx, change) => {
      const record = async (event: string, one: Proposal) => {
        change.noted(KIND, one.id)
        await change.audit({ type: `${KIND}.${event}`, success: true, by, fields: audited(one) })
      }
      return run(rowsIn(trx), record)
    }, by)

  return {
    async list() {
      const all = rows.selectFrom('app_proposals').selectAll().orderBy('name').orderBy('agent')
      return (await all.execute()).map(read)
    },
    async get(id) {
      const row = await rows.selectFrom('app_proposals').selectAll().where('id', '=', id).executeTakeFirst()
      return row && read(row)
    },
    async ofAgent(agent) {
      const all = rows.selectFrom('app_proposals').selectAll().where('agent', '=', agent)
      return (await all.execute()).map(read)
    },
    replace: (gone, added) =>
      write(null, async (trx, record) => {
        for (const one of gone) {
          const { numDeletedRows } = await trx
            .deleteFrom('app_proposals')
            .where('id', '=', one.id)
            .where('state', '=', 'pending')
            .executeTakeFirst()
          if (Number(numDeletedRows) > 0) await record('withdrawn', one)
        }
        for (const one of added) {
          const { numInsertedOrUpdatedRows } = await trx
            .insertInto('app_proposals')
            .values({ ...one, name: one.app.name, app: JSON.stringify(one.app) })
            .onConflict((on) => on.doNothing())
            .executeTakeFirst()
          if (Number(numInsertedOrUpdatedRows ?? 0) > 0) await record('created', one)
        }
      }),
    refuse: (one, by) =>
      write(by, async (trx, record) => {
        const done = await trx
          .updateTable('app_proposals')
          .set({ state: 'refused', problem: null })
          .where('id', '=', one.id)
          .where('state', '=', 'pending')
          .executeTakeFirst()
        if (Number(done.numUpdatedRows) === 0) return false
        await record('refused', one)
        return true
      }),
    remove: (one, event, by) =>
      write(by, async (trx, record) => {
        await trx.deleteFrom('app_proposals').where('id', '=', one.id).execute()
        await record(event, one)
      }),
    async note(one, problem) {
      await rows.updateTable('app_proposals').set({ problem }).where('id', '=', one.id).execute()
    },
  }
}

const read = ({ app, name: _, ...row }: ProposalRow): Proposal => ({
  ...row,
  app: JSON.parse(app) as ProposedApp,
  proposed: Number(row.proposed),
})
