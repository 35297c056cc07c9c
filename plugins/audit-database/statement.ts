import type { Transaction } from '@mezite/core'
import type { Link } from './chain.ts'
import type { CheckpointKey } from './checkpoint-key.ts'
import type { AuditTables } from './migrations.ts'

/** The content of a checkpoint, as JSON: the state of the trail. */
export interface Checkpoint {
  readonly kind: 'checkpoint'
  /** From 1 on, without gaps. */
  readonly number: number
  /** Hash of the previous statement; null for the first. */
  readonly previous: string | null
  /** RFC 3339. */
  readonly time: string
  /** Place of the last event. */
  readonly seq: number
  /** Events up to here may be without a chain, because they are older than chains. */
  readonly unchained: number
  /** The last link of each chain that has grown since the previous checkpoint. */
  readonly chains: Readonly<Record<string, Link>>
}

/** Where the trail begins since old events were deleted. */
export interface Start {
  readonly kind: 'start'
  /** Everything up to here is deleted, or about to be. */
  readonly seq: number
  /** The last deleted link of each chain that continues. */
  readonly chains: Readonly<Record<string, Link>>
  /** The last deleted checkpoint. */
  readonly checkpoint: { readonly number: number; readonly hash: string | null }
}

export interface Signed {
  readonly statement: string
  readonly signature: string
}

/** The trail from its very first event. */
const wholeTrail: Start = {
  kind: 'start',
  seq: 0,
  chains: {},
  checkpoint: { number: 0, hash: null },
}

export function signed(key: CheckpointKey, statement: Checkpoint | Start): Signed {
  const text = JSON.stringify(statement)
  return { statement: text, signature: key.sign(text) }
}

/** Null when this cluster did not sign it. */
export function read<T extends Checkpoint | Start>(
  key: CheckpointKey,
  kind: T['kind'],
  { statement, signature }: Signed,
): T | null {
  if (!key.verify(statement, signature)) return null
  const made = JSON.parse(statement) as T
  return made.kind === kind ? made : null
}

/** Reads where the trail begins. Throws when this cluster did not sign it. */
export async function readStart(trx: Transaction, key: CheckpointKey): Promise<Start> {
  const row = await trx
    .withTables<AuditTables>()
    .selectFrom('audit_database_start')
    .select(['statement', 'signature'])
    .executeTakeFirst()
  if (!row) return wholeTrail
  const start = read<Start>(key, 'start', row)
  if (!start) throw new Error('the start of the audit trail is not signed by this cluster')
  return start
}

export async function writeStart(trx: Transaction, key: CheckpointKey, start: Start): Promise<void> {
  const row = signed(key, start)
  await trx
    .withTables<AuditTables>()
    .insertInto('audit_database_start')
    .values({ id: 1, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}
