import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hold } from '@mezite/core/types'
import type { Client } from '../client/client.ts'
import type { AppRequest } from '../request/app-request.ts'

/** Bytes of a body that stay in memory. */
const MEMORY_BYTES = 1 << 20
const PIECE_BYTES = 1 << 16
const NO_LINES: readonly string[] = []

/** Where a body is sent. */
export interface BodySink {
  /** False: wait for `HeldBody.resume`. */
  write(piece: Buffer): boolean
  end(): void
  failed(error: unknown): void
}

/** Bytes in memory, and from `MEMORY_BYTES` on in a file that only the owner may read and that has no name, so that it goes with the process. */
class Spool {
  #pieces: Buffer[] = []
  #bytes = 0
  #file: FileHandle | null = null
  #queue: Promise<void> = Promise.resolve()

  /** Null: the piece is stored already. */
  add(piece: Buffer): Promise<void> | null {
    this.#bytes += piece.length
    if (this.#bytes <= MEMORY_BYTES) {
      this.#pieces.push(piece)
      return null
    }
    this.#queue = this.#queue.then(() => this.#store(piece))
    return this.#queue
  }

  async #store(piece: Buffer): Promise<void> {
    this.#file ??= await openUnnamed()
    for (const earlier of this.#pieces.splice(0)) await this.#file.appendFile(earlier)
    await this.#file.appendFile(piece)
  }

  async *read(): AsyncGenerator<Buffer> {
    yield* this.#pieces
    const file = this.#file
    if (file === null) return
    for (let at = 0; at < this.#bytes; ) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES, at)
      if (bytesRead === 0) throw new Error('the file of a held body is shorter than the body')
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  close(): void {
    this.#pieces = []
    void this.#queue.catch(() => {}).then(() => this.#file?.close().catch(() => {}))
  }
}

/** Opens a file that nobody else can open: it is removed at once, and its bytes with it when it is closed. */
async function openUnnamed(): Promise<FileHandle> {
  const path = join(tmpdir(), `mezite-held-${randomBytes(16).toString('hex')}`)
  const file = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The body of a held request, and what goes to the app with it, once. */
export class HeldBody {
  readonly bytes: number
  readonly sha256: string
  /** Header lines for the app, name and value in turn. */
  lines = NO_LINES
  /** Ends with this body. */
  hold: Hold | null = null
  readonly #spool: Spool
  #ended = false
  #proceed: (() => void) | null = null

  constructor(spool: Spool, bytes: number, sha256: string) {
    this.#spool = spool
    this.bytes = bytes
    this.sha256 = sha256
  }

  async send(to: BodySink): Promise<void> {
    try {
      for await (const piece of this.#spool.read()) {
        if (this.#ended) return
        if (to.write(piece)) continue
        const { promise, resolve } = Promise.withResolvers<void>()
        this.#proceed = resolve
        await promise
      }
      if (!this.#ended) to.end()
    } catch (error) {
      if (!this.#ended) to.failed(error)
    }
  }

  /** The app accepts more. */
  resume(): void {
    this.#proceed?.()
    this.#proceed = null
  }

  /** The bytes are not needed any more. Idempotent. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.resume()
    this.#spool.close()
    this.hold?.end()
  }
}

/** Why a body could not be read. */
export type Unread = 'body_too_large' | 'request_timeout' | 'client_closed' | 'request_invalid'

/**
 * Reads the whole body of a request whose caller is known; `whole` is the body if it has been read. A body with trailers is refused, since
 * nobody would see them.
 */
export async function readHeldBody(
  client: Client,
  request: AppRequest,
  {
    limit,
    withinMs,
    whole,
  }: { readonly limit: number; readonly withinMs: number; readonly whole: Buffer | null },
): Promise<HeldBody | Unread> {
  const { length } = request
  const hash = createHash('sha256')
  const spool = new Spool()
  if (whole !== null) {
    if (whole.length > limit) return 'body_too_large'
    await spool.add(whole)
    return new HeldBody(spool, whole.length, hash.update(whole).digest('hex'))
  }
  if (length === undefined) return new HeldBody(spool, 0, hash.digest('hex'))
  if (length !== null && length > limit) return 'body_too_large'
  const { promise, resolve, reject } = Promise.withResolvers<Unread | null>()
  let bytes = 0
  let waiting = 0
  const late = setTimeout(() => resolve('request_timeout'), withinMs)
  client.watch({ onclientdrain() {}, onclientgone: () => resolve('client_closed') })
  if (request.expectsContinue) client.welcomeBody()
  client.readBody({
    onrequestdata(piece) {
      bytes += piece.length
      if (bytes > limit) return void resolve('body_too_large')
      hash.update(piece)
      const stored = spool.add(piece)
      if (stored === null) return
      waiting += 1
      client.pauseBody()
      stored.then(() => {
        waiting -= 1
        if (waiting === 0) client.resumeBody()
      }, reject)
    },
    onrequestend: (trailers) => resolve(trailers.length === 0 ? null : 'request_invalid'),
  })
  let body: HeldBody | null = null
  try {
    const why = await promise
    if (why !== null) return why
    body = new HeldBody(spool, bytes, hash.digest('hex'))
    return body
  } finally {
    clearTimeout(late)
    if (body === null) spool.close()
  }
}
