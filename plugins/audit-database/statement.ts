import type { Link } from './chain.ts'
import type { CheckpointKey } from './checkpoint-key.ts'

/** What a checkpoint says, as JSON: how far the trail had come. */
export interface Checkpoint {
  readonly kind: 'checkpoint'
  /** From 1 on, without gaps. */
  readonly number: number
  /** Hash of the statement before; null for the first. */
  readonly previous: string | null
  /** RFC 3339. */
  readonly time: string
  /** Place of the last event. */
  readonly seq: number
  /** Events up to here may be in no chain: they were there before there were chains. */
  readonly unchained: number
  /** The last link of each chain that has grown since the checkpoint before. */
  readonly chains: Readonly<Record<string, Link>>
}

/** Where the trail begins since old events were deleted. */
export interface Start {
  readonly kind: 'start'
  /** Everything up to here is gone, or about to go. */
  readonly seq: number
  /** The last link that is gone, of each chain that goes on. */
  readonly chains: Readonly<Record<string, Link>>
  /** The last checkpoint that is gone. */
  readonly checkpoint: { readonly number: number; readonly hash: string | null }
}

export interface Signed {
  readonly statement: string
  readonly signature: string
}

/** The trail from its very first event. */
export const wholeTrail: Start = {
  kind: 'start',
  seq: 0,
  chains: {},
  checkpoint: { number: 0, hash: null },
}

export function signed(key: CheckpointKey, statement: Checkpoint | Start): Signed {
  const text = JSON.stringify(statement)
  return { statement: text, signature: key.sign(text) }
}

/** Null when the signature is not ours. */
export function read<T extends Checkpoint | Start>(
  key: CheckpointKey,
  kind: T['kind'],
  { statement, signature }: Signed,
): T | null {
  if (!key.verify(statement, signature)) return null
  const made = JSON.parse(statement) as T
  return made.kind === kind ? made : null
}
