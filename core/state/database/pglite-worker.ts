import { readFile } from 'node:fs/promises'
import { parentPort } from 'node:worker_threads'
import type { PGlite as Engine, messages } from '@electric-sql/pglite'
import { lookInProgram } from '@mezite/core/launch'
import { collectForEach } from '../../kernel/collected-bytes.ts'
import { type CopyResult, copyStatement } from './copy-statement.ts'

/** A request to the worker: first the folder to open, then one statement, or to close the database. */
export type WorkerRequest =
  | { readonly folder: string }
  | { readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly id: number; readonly close: true }

/** Fields of a PostgreSQL error that the worker passes on. */
export interface WorkerError {
  readonly message: string
  readonly code?: string
  readonly constraint?: string
  readonly table?: string
  readonly column?: string
  readonly detail?: string
}

export type WorkerResponse =
  | { readonly id: number; readonly rows: unknown[]; readonly affectedRows: number | undefined }
  | { readonly id: number; readonly error: WorkerError }

/** Much more than the working set of one hub; the default of 128 MB would become resident. */
const SHARED_BUFFERS = 'shared_buffers=16MB'

/** The few statements of an idle hub leave 40 MB of garbage an hour, which V8 would collect only once it is several times that. */
const COLLECT_MS = 10 * 60_000
/** Bytes of COPY lie outside of the small heap, so V8 would collect them only after hundreds of megabytes. */
const COLLECT_BYTES = 32 * 1_024 * 1_024

lookInProgram()
const { PGlite, protocol } = await import('@electric-sql/pglite')

/** Begins before there is a folder: it takes most of the time of an opening. */
const program = readFile(new URL('./pglite.wasm', import.meta.resolve('@electric-sql/pglite'))).then(
  (bytes) => WebAssembly.compile(bytes),
)
program.catch(() => {})

async function openFolder(folder: string): Promise<Engine> {
  return PGlite.create({
    dataDir: folder,
    pgliteWasmModule: await program,
    startParams: [...PGlite.defaultStartParams, '-c', SHARED_BUFFERS],
  })
}

if (parentPort) serve(parentPort)
else if (process.send) await initialise(process.argv[2] ?? '')

function serve(port: NonNullable<typeof parentPort>): void {
  let database: Promise<Engine>
  const collectAfter = collectForEach(COLLECT_BYTES, 'major')
  setInterval(() => collectAfter(COLLECT_BYTES), COLLECT_MS).unref()
  port.on('message', async (request: WorkerRequest) => {
    if ('folder' in request) {
      database = openFolder(request.folder)
      // Each statement reports the error; unhandled, it would end the worker and print a page of its source.
      database.catch(() => {})
      return
    }
    const { id } = request
    try {
      const pg = await database
      if ('close' in request) {
        await pg.close()
        port.postMessage({ id, rows: [], affectedRows: undefined } satisfies WorkerResponse)
        return
      }
      if (copyStatement(request.sql)) {
        const result = await copy(pg, request.sql, request.parameters)
        port.postMessage({ id, rows: [result], affectedRows: undefined } satisfies WorkerResponse)
        collectAfter(result.bytes.length + inputBytes(request.parameters))
        return
      }
      const { rows, affectedRows } = await pg.query(request.sql, [...request.parameters])
      port.postMessage({ id, rows, affectedRows } satisfies WorkerResponse)
    } catch (error) {
      port.postMessage({ id, error: flatten(error) } satisfies WorkerResponse)
    }
  })
}

const inputBytes = ([input]: readonly unknown[]): number => (input as Uint8Array | undefined)?.byteLength ?? 0

async function copy(pg: Engine, sql: string, [input]: readonly unknown[]): Promise<CopyResult> {
  const statement = copyStatement(sql)!
  if (statement.direction === 'out') return copyOut(pg, sql)
  // Of a Blob, PGlite calls this method alone. V8 does not count the memory of a real one, and so frees it late.
  const { buffer, byteOffset, byteLength } = input as Uint8Array<ArrayBuffer>
  const whole = byteLength === buffer.byteLength
  const bytes = whole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)
  const blob = { arrayBuffer: async () => bytes } as Blob
  const { affectedRows: count = 0 } = await pg.query(statement.from("'/dev/blob'"), [], { blob })
  return { count, bytes: new Uint8Array() }
}

/** By messages of the protocol, since `query` would return the output as a Blob. */
async function copyOut(pg: Engine, sql: string): Promise<CopyResult> {
  const { messages } = await pg.runExclusive(() =>
    pg.execProtocol(protocol.serialize.query(sql), { throwOnError: true }),
  )
  const chunks: Uint8Array[] = []
  let count = 0
  for (const message of messages) {
    if (message.name === 'copyData') chunks.push((message as messages.CopyDataMessage).chunk)
    else if (message.name === 'commandComplete')
      count = Number((message as messages.CommandCompleteMessage).text.split(' ')[1])
  }
  return { count, bytes: new Uint8Array(Buffer.concat(chunks)) }
}

/** Runs as a separate process: creates the database in an empty folder. Exits when the hub does. */
async function initialise(folder: string): Promise<void> {
  process.umask(0o077)
  process.on('disconnect', () => process.exit(1))
  const pg = await openFolder(folder)
  await pg.close()
  process.exit(0)
}

function flatten(error: unknown): WorkerError {
  const source = Object(error) as Record<string, unknown>
  const flat: Record<string, string> = { message: String(source.message ?? error) }
  for (const name of ['code', 'constraint', 'table', 'column', 'detail']) {
    if (typeof source[name] === 'string') flat[name] = source[name]
  }
  return flat as unknown as WorkerError
}
