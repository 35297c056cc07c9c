import { createLog } from '../base/log/program-log.ts'
import type { Log } from '../kernel/log.ts'

/** A log that is stored instead of printed. */
export interface MemoryLog {
  readonly log: Log
  /** Complete lines as text, oldest first. */
  readonly lines: readonly string[]
}

/** The log of a program under test: it prints nothing and stores every level, for a test that fails. */
export function memoryLog(): MemoryLog {
  const lines: string[] = []
  const log = createLog({ level: 'debug', format: 'text', write: (line) => void lines.push(line.trimEnd()) })
  return { log, lines }
}
