import type { Actor, Change, Clock, Database, Revisions, SecretBox, Transaction } from '@mezite/core'
import { BEGUN, EVENTS, fieldsOf, isStored, type Kept } from './change.ts'
import type { ChangeRow, ChangeTables } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** What the sequence of changes calls them. No decision depends on one. */
const KIND = 'change-approval'
const MOST_LISTED = 500

/** A change without what is encrypted of it: lists can be long. */
export interface ListedChange extends Omit<ChangeRow, 'sealed' | 'answer'> {
  readonly has_answer: boolean
}
const LISTED = [
  ...(['id', 'state', 'right', 'method', 'url', 'thing_path', 'thing_key', 'labels', 'print'] as const),
  ...(['user_name', 'user_key', 'holder', 'session_id', 'client_ip', 'created', 'expires'] as const),
  ...(['decided', 'decided_by', 'reason', 'problem'] as const),
] as const

/** What is written beside a new state. */
export type ChangeSet = Partial<
  Pick<ChangeRow, 'state' | 'sealed' | 'answer' | 'decided' | 'decided_by' | 'reason' | 'problem'>
>

export interface Event {
  readonly type: string
  readonly by: Actor | null
  readonly fields?: Readonly<Record<string, string | null>>
}

/** The refusal of whatever needs a change that waits, or that still runs. */
export const notOpen = (state: string) => problemFor('change_not_open', `The change is ${state} already.`)

/** The stored changes. */
export function createChangeStore(parts: {
  readonly database: Database
  readonly revisions: Pick<Revisions, 'write'>
  readonly secretBox: Pick<SecretBox, 'seal' | 'open'>
  readonly clock: Clock
}) {
  const { revisions, secretBox, clock } = parts
  const db = parts.database.withTables<ChangeTables>()
  const place = (id: string, purpose: string) => ({ table: 'change_approvals', id, purpose })
  const seal = (id: string, purpose: string, value: unknown): string =>
    secretBox.seal(place(id, purpose), Buffer.from(JSON.stringify(value))).toString('base64')
  const open = (id: string, purpose: string, sealed: string): unknown =>
    JSON.parse(secretBox.open(place(id, purpose), Buffer.from(sealed, 'base64')).toString('utf8'))

  async function record(
    change: Change,
    row: Parameters<typeof fieldsOf>[0],
    { type, by, fields }: Event,
  ): Promise<void> {
    change.noted(KIND, row.id)
    await change.audit({ type, success: true, by, fields: { ...fieldsOf(row), ...fields } })
  }

  /** Writes if the change has this state, or one of these, and, while it waits, has not expired. Resolves to whether it had. */
  const move = (
    row: Parameters<typeof fieldsOf>[0],
    change: {
      readonly from: string | readonly string[]
      readonly to: ChangeSet
      readonly event: Event | null
    },
    within?: (trx: Transaction) => Promise<void>,
  ): Promise<boolean> => {
    const { from, to, event } = change
    return revisions.write(async (trx, change) => {
      const own = trx.withTables<ChangeTables>().updateTable('change_approvals').set(to)
      const fitting = own.where('id', '=', row.id).where('state', 'in', [from].flat())
      const done = await (from === 'pending' && to.state !== 'expired'
        ? fitting.where('expires', '>', clock.now())
        : fitting
      )
        .returning('id')
        .executeTakeFirst()
      if (done === undefined) return false
      if (event !== null) await record(change, row, event)
      await within?.(trx)
      return true
    }, event?.by ?? null)
  }

  return {
    sealKept: (id: string, kept: Kept) => seal(id, 'change', kept),
    /** Null: the change is over. */
    keptOf: ({ id, sealed }: ChangeRow) => (sealed === null ? null : (open(id, 'change', sealed) as Kept)),
    sealAnswer: (id: string, answer: unknown) => seal(id, 'answer', answer),
    answerOf: ({ id, answer }: ChangeRow) => (answer === null ? null : open(id, 'answer', answer)),
    async byId(id: string): Promise<ChangeRow | undefined> {
      return db.selectFrom('change_approvals').selectAll().where('id', '=', id).executeTakeFirst()
    },
    /** The newest first, those that wait before the others. */
    async list(): Promise<readonly ListedChange[]> {
      const all = db
        .selectFrom('change_approvals')
        .select([...LISTED])
        .select((where) => where('answer', 'is not', null).as('has_answer'))
        .orderBy('id', 'desc')
      const open = await all.where('state', 'in', ['pending', ...BEGUN]).execute()
      const others = all.where('state', 'not in', ['pending', ...BEGUN]).limit(MOST_LISTED)
      const found = [...open, ...(await others.execute())]
      return found.map((row) => ({ ...row, has_answer: Boolean(row.has_answer) }))
    },
    /** Whose changes wait, and have not expired. */
    async waiting(trx: Transaction): Promise<readonly Pick<ChangeRow, 'user_key'>[]> {
      const all = trx.withTables<ChangeTables>().selectFrom('change_approvals').select('user_key')
      return all.where('state', '=', 'pending').where('expires', '>', clock.now()).execute()
    },
    /** Those of an account that wait and have this address. */
    async similar(trx: Transaction, like: ChangeRow): Promise<readonly ChangeRow[]> {
      const all = trx.withTables<ChangeTables>().selectFrom('change_approvals').selectAll()
      const own = all.where('state', '=', 'pending').where('user_key', '=', like.user_key)
      const here = own.where('method', '=', like.method).where('url', '=', like.url)
      return here.where('expires', '>', clock.now()).execute()
    },
    /** `within` runs first, in the transaction. */
    insert: (row: ChangeRow, event: Event, within?: (trx: Transaction) => Promise<void>) =>
      revisions.write(async (trx, change) => {
        await within?.(trx)
        await trx.withTables<ChangeTables>().insertInto('change_approvals').values(row).execute()
        await record(change, row, event)
      }, event.by),
    move,
    /**
     * In the transaction of the approved change: stores that it is made. Throws if the change was ended meanwhile, so that it is never made
     * after somebody read that it was not.
     */
    async made(trx: Transaction, { id }: Pick<ChangeRow, 'id'>): Promise<void> {
      const own = trx.withTables<ChangeTables>().updateTable('change_approvals').set({ state: 'made' })
      const begun = await own
        .where('id', '=', id)
        .where('state', 'in', ['started', 'made'])
        .returning('id')
        .executeTakeFirst()
      if (begun === undefined) throw notOpen('over')
    },
    /**
     * Ends a change that has begun, and never answered or with a problem: it is done if it is stored, and from now on never made if not.
     * `lacking`: the state then. Resolves to whether it had not ended before.
     */
    async end(
      row: Pick<ChangeRow, 'right'> & Parameters<typeof fieldsOf>[0],
      problem: string,
      by: Actor | null,
      lacking: keyof typeof EVENTS = isStored(row) ? 'failed' : 'unclear',
    ): Promise<boolean> {
      const as = (from: string, state: keyof typeof EVENTS) => ({
        ...{ from, to: { state, problem, sealed: null } },
        event: { type: EVENTS[state], by, fields: { cause: problem } },
      })
      if ((await move(row, as('started', lacking))) || (await move(row, as('made', 'done')))) return true
      return move(row, as('running', 'unclear'))
    },
    async forgetAnswers(before: number): Promise<void> {
      await db.updateTable('change_approvals').set({ answer: null }).where('decided', '<', before).execute()
    },
    async prune(before: number): Promise<number> {
      const old = db.deleteFrom('change_approvals').where('created', '<', before)
      const { numDeletedRows } = await old.where('state', 'not in', ['pending', ...BEGUN]).executeTakeFirst()
      return Number(numDeletedRows)
    },
  }
}

export type ChangeStore = ReturnType<typeof createChangeStore>
