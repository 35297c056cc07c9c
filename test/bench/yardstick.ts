import { createHash } from 'node:crypto'
import { median } from './statistics.ts'

const PIECES = 3
const BLOCK = Buffer.alloc(64 * 1024, 'yardstick')
const DOCUMENT = JSON.stringify(
  Array.from({ length: 200 }, (_, at) => ({ at, name: `entry ${at}`, even: at % 2 === 0 })),
)
/** A machine on which the work takes this many times as long as usual tells nothing about those who are measured. */
const SLOWER = 1.1

/**
 * Milliseconds that a fixed piece of work takes now on one processor: hashing and parsing, as in a proxy. The best of three,
 * because an interruption of one is no slower machine.
 */
export function fixedWorkMs(): number {
  return Math.min(...Array.from({ length: PIECES }, onePiece))
}

function onePiece(): number {
  const begun = performance.now()
  for (let round = 0; round < 40; round++) {
    createHash('sha256').update(BLOCK).digest()
    JSON.stringify(JSON.parse(DOCUMENT))
  }
  return performance.now() - begun
}

/** Why a round is void whose work took these times, given all times of the row; null: it is not. */
export function slownessReason(round: readonly number[], all: readonly number[]): string | null {
  const share = Math.max(...round) / median(all)
  return share <= SLOWER ? null : `the machine was slower by ${Math.round((share - 1) * 100)} %`
}
