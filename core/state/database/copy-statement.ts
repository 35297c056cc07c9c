const COPY = /^COPY\s[\s\S]*\s(FROM STDIN|TO STDOUT)((?:\s+WITH \([\w\s,]*\))?)$/

/** What a `COPY` statement returns as its only row. */
export interface CopyResult {
  /** Number of rows. */
  readonly count: number
  /** The output, in the text format of `COPY`; empty for an input. */
  readonly bytes: Uint8Array
}

/**
 * A `COPY` statement of the client: see `Database` of the contract. `from` returns the same statement with another input in place of
 * standard input. Null: it is another statement.
 */
export function copyStatement(sql: string) {
  if (!sql.startsWith('COPY')) return null
  const [, ending, options = ''] = COPY.exec(sql) ?? []
  if (ending === undefined) return null
  const direction = ending === 'FROM STDIN' ? ('in' as const) : ('out' as const)
  const before = sql.slice(0, sql.length - ending.length - options.length)
  return { direction, from: (input: string) => `${before}FROM ${input}${options}` }
}
