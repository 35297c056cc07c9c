import { escapeText } from '@mezite/cli-shared'
import type { PutResult } from './put-documents.ts'

/** Says per document whether it is new, as soon as the hub has it. */
export function showPut(kind: string): (result: PutResult) => void {
  return ({ name, created, cut }) => {
    process.stdout.write(`${created ? 'created' : 'replaced'} ${kind} ${escapeText(name + cut)}\n`)
  }
}
