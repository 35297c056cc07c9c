import type { Transaction } from '@mezite/core'
import type { Link } from './chain.ts'
import type { CheckpointKey, StatementVerifier } from './checkpoint-key.ts'
import type { AuditTables } from './migrations.ts'
import type { TypeSet } from './retention-periods.ts'

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
  /** The last removal by type: a start that differs tells writers that contexts may be gone. */
  readonly removal?: number
}

/** A link with the place of its event. */
export interface PlacedLink extends Link {
  readonly seq: number
}

/** Events that retention by type has removed from one part of the trail, while others of that part stay. */
export interface Removal {
  readonly kind: 'removal'
  /** Grows. A later removal from the same part replaces the one before. */
  readonly number: number
  /** The part: places, both included. The parts follow each other without a space from the start of the trail on. */
  readonly first: number
  readonly last: number
  /** RFC 3339: no event of the part was newer. */
  readonly newest: string
  readonly types: TypeSet
  /** How many events are removed. */
  readonly events: number
  /** SHA-256 over the gaps that they left. */
  readonly gaps: string
  /** The last link of each chain up to the end of the part. */
  readonly chains: Readonly<Record<string, PlacedLink>>
  /** The last checkpoint up to there. */
  readonly checkpoint: Start['checkpoint']
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

type Statement = Checkpoint | Start | Removal

export function signed(key: CheckpointKey, statement: Statement): Signed {
  const text = JSON.stringify(statement)
  return { statement: text, signature: key.sign(text) }
}

/** Null when this cluster did not sign it. */
export function read<T extends Statement>(
  key: StatementVerifier,
  kind: T['kind'],
  { statement, signature }: Signed,
): T | null {
  if (!key.verify(statement, signature)) return null
  const made = JSON.parse(statement) as T
  return made.kind === kind ? made : null
}

/** Reads where the trail begins. Throws when this cluster did not sign it. */
export async function readStart(trx: Transaction, key: StatementVerifier): Promise<Start> {
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
