import { escapeText } from '@mezite/cli-shared'
import { cutText } from './cut-summary.ts'
import type { PutResult } from './document-upload.ts'

/** Says per document whether it is new, and else what replacing it has ended, as soon as the hub has it. */
export function showPut(kind: string): (result: PutResult) => void {
  return (result) => {
    const done = result.created
      ? `created ${kind} ${result.name}`
      : `replaced ${kind} ${result.name}${cutText(result)}`
    process.stdout.write(`${escapeText(done)}\n`)
  }
}
