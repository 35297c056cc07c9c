import pg from 'pg'
import type { CopyResult } from './copy-statement.ts'

/** The part of pg's connection that sends the input of a `COPY`. */
interface CopyConnection {
  sendCopyFromChunk(bytes: Buffer): void
  endCopyFrom(): void
}

/** A `COPY` statement whose input and output are in memory. pg calls the two handlers of its base class. */
class CopyQuery extends pg.Query {
  readonly #input: Buffer
  readonly #output: Buffer[] = []

  constructor(sql: string, input: Buffer, done: (error: Error | undefined, count: number) => void) {
    super(sql, (error, result) => done(error ?? undefined, result?.rowCount ?? 0))
    this.#input = input
  }

  get output(): Buffer {
    return Buffer.concat(this.#output)
  }

  handleCopyInResponse(connection: CopyConnection): void {
    connection.sendCopyFromChunk(this.#input)
    connection.endCopyFrom()
  }

  handleCopyData({ chunk }: { chunk: Buffer }): void {
    // pg reads the next message into the same memory.
    this.#output.push(Buffer.from(chunk))
  }
}

/** Runs a `COPY` statement on this connection. Rejects with the server's error. */
export function runCopy(
  client: pg.PoolClient,
  sql: string,
  [input = new Uint8Array()]: readonly unknown[],
): Promise<pg.QueryResult<CopyResult>> {
  return new Promise((resolve, reject) => {
    const { buffer, byteOffset, byteLength } = input as Uint8Array
    const query = new CopyQuery(sql, Buffer.from(buffer, byteOffset, byteLength), (error, count) => {
      if (error) reject(error)
      else resolve({ command: 'COPY', rowCount: count, rows: [{ count, bytes: query.output }] } as never)
    })
    client.query(query)
  })
}
