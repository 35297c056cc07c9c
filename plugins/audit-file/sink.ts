import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AuditSink } from '@mezite/core'

export interface FileSink extends AuditSink {
  /** Opens the file. Rejects when that is impossible. */
  start(): Promise<void>
  /** Reopens the path for the next batch, after the current one is written. */
  reopen(): void
  /** Resolves when nothing is being written and the file is closed. */
  stop(): Promise<void>
}

/** Writes each event as one line of JSON. */
export function createSink(
  options: Omit<EventFileOptions, 'sync'>,
  guarantee: AuditSink['guarantee'],
): FileSink {
  const file = new EventFile({ ...options, sync: guarantee === 'enforced' })
  /** Number of the last batch in the file: after a missed deadline the same batch comes again. */
  let written = 0
  let turn: Promise<unknown> = Promise.resolve()

  /** One after another, also when the one before failed or its caller gave up. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  return {
    name: 'audit-file',
    guarantee,
    write: (lines, batch) =>
      inTurn(async () => {
        if (batch <= written) return
        if (lines !== '') await file.append(Buffer.from(lines))
        written = batch
      }),
    // A batch is safe when `write` resolves.
    flush: async () => {},
    start: () => inTurn(() => file.open()),
    reopen() {
      void inTurn(() => file.close()).catch(() => {})
    },
    stop: () => inTurn(() => file.close()),
  }
}

const NEWLINE = 0x0a

interface EventFileOptions {
  readonly path: string
  /** Size in bytes at which the file is rotated. */
  readonly maxBytes: number
  /** How many rotated files to keep, as `path.1` (the newest) to `path.N`. */
  readonly keep: number
  /** Each `append` is on the disk before it resolves. */
  readonly sync: boolean
}

/**
 * A file of lines that only grows: opened for appending with mode 0600, and never left with half a line, not even by a full
 * disk. Calls must not overlap.
 */
class EventFile {
  readonly #options: EventFileOptions
  #file: FileHandle | null = null

  constructor(options: EventFileOptions) {
    this.#options = options
  }

  /** Appends whole lines, or rejects with nothing of them in the file. Opens the file where needed. */
  async append(lines: Buffer): Promise<void> {
    let file = await this.#opened()
    let { size } = await file.stat()
    if (size > 0 && size + lines.length > this.#options.maxBytes) {
      await this.#rotate()
      file = await this.#opened()
      size = (await file.stat()).size
    }
    try {
      for (let at = 0; at < lines.length; ) at += (await file.write(lines, at)).bytesWritten
      if (this.#options.sync) await file.datasync()
    } catch (error) {
      // The lines will be written again, so remove the part that was written. If that fails, opening ends the line.
      await file.truncate(size).catch(() => this.close())
      throw error
    }
  }

  async open(): Promise<void> {
    await this.#opened()
  }

  /** The next `append` reopens the path, since the file may have been renamed. */
  async close(): Promise<void> {
    const file = this.#file
    this.#file = null
    await file?.close()
  }

  async #opened(): Promise<FileHandle> {
    const kept = this.#file
    // A deleted file would take the lines with it.
    if (kept !== null && (await kept.stat()).nlink > 0) return kept
    await this.close()
    const { path } = this.#options
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(path, 'a+', 0o600)
    try {
      await endLine(file, path)
      await syncFolder(dirname(path))
    } catch (error) {
      await file.close()
      throw error
    }
    this.#file = file
    return file
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.#options
    await this.close()
    for (let n = keep - 1; n > 0; n--) await renameIfThere(`${path}.${n}`, `${path}.${n + 1}`)
    await renameIfThere(path, `${path}.1`)
  }
}

/** Ends a line that a crash of the machine left unfinished. */
async function endLine(file: FileHandle, path: string): Promise<void> {
  const found = await file.stat()
  if (!found.isFile()) throw new Error(`${path} is not a regular file`)
  if (found.size === 0) return
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, found.size - 1)
  if (buffer[0] !== NEWLINE) await file.write('\n')
}

async function renameIfThere(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** So that the name of a new file survives a power cut too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
