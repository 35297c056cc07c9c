const COPY = /^COPY\s[\s\S]*\s(FROM STDIN|TO STDOUT)((?:\s+WITH \([\w\s,]*\))?)$/

/** A `COPY` statement of the client: see `Database` of the contract. */
export interface CopyStatement {
  readonly direction: 'in' | 'out'
  /** The same statement with another input in place of standard input. */
  from(input: string): string
}

/** What a `COPY` statement returns as its only row. */
export interface CopyResult {
  /** Number of rows. */
  readonly count: number
  /** The output, in the text format of `COPY`; empty for an input. */
  readonly bytes: Uint8Array
}

/** Null: it is another statement. */
export function copyStatement(sql: string): CopyStatement | null {
  if (!sql.startsWith('COPY')) return null
  const [, ending, options = ''] = COPY.exec(sql) ?? []
  if (ending === undefined) return null
  const direction = ending === 'FROM STDIN' ? 'in' : 'out'
  const before = sql.slice(0, sql.length - ending.length - options.length)
  return { direction, from: (input) => `${before}FROM ${input}${options}` }
}
