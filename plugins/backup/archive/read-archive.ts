import { createReadStream } from 'node:fs'
import { lstat, readFile } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import { isMezError, MezError, messageOf } from '@mezite/core'
import { Decrypter } from 'age-encryption'
import { countRows } from '../database/copy-text.ts'
import type { CopyPart } from '../database/read-rows.ts'
import type { ArchiveEnd, ArchiveHead } from './write-archive.ts'

/** Longest line: a piece of rows with the longest values. */
const LINE_BYTES = 1 << 29

export interface OpenArchive {
  readonly head: ArchiveHead
  /** Throws `MEZ_BACKUP_UNREADABLE` when the archive ends early, or does not contain what its end says. */
  readonly parts: AsyncGenerator<CopyPart, void>
}

/**
 * Reads the private key of backups from a file that only its owner may read. Throws `MEZ_BACKUP_UNREADABLE`.
 */
export async function readPrivateKey(file: string): Promise<string> {
  const unreadable = (why: string) => new MezError('MEZ_BACKUP_UNREADABLE', `${file}: ${why}`)
  const found = await lstat(file).catch((error: Error) => {
    throw unreadable(messageOf(error))
  })
  if ((found.mode & 0o077) !== 0)
    throw unreadable(
      `is readable by other users (mode 0${(found.mode & 0o777).toString(8)}); run chmod 600 ${file}`,
    )
  const key = (await readFile(file, 'utf8')).split('\n').find((line) => line.startsWith('AGE-SECRET-KEY-'))
  if (key === undefined) throw unreadable('contains no private key (a line that begins with AGE-SECRET-KEY-)')
  return key.trim()
}

/** Opens an archive with its private key and reads its head. Throws `MEZ_BACKUP_UNREADABLE`. */
export async function openArchive(file: string, privateKey: string): Promise<OpenArchive> {
  const decrypter = new Decrypter()
  try {
    decrypter.addIdentity(privateKey)
    const sealed = createReadStream(file)
    const opened = await decrypter.decrypt(Readable.toWeb(sealed) as ReadableStream)
    const text = pipeline(
      Readable.fromWeb(opened as Parameters<typeof Readable.fromWeb>[0]),
      createZstdDecompress(),
      () => {},
    )
    const lines = parsedLines(text, file)
    const { value: head } = await lines.next()
    return { head: checkHead(head, file), parts: readParts(lines, file) }
  } catch (error) {
    throw unreadable(file, error)
  }
}

function unreadable(file: string, error: unknown): MezError {
  if (isMezError(error)) return error
  return new MezError('MEZ_BACKUP_UNREADABLE', `${file} cannot be read: ${messageOf(error)}`, {
    cause: error,
  })
}

async function* parsedLines(text: Readable, file: string): AsyncGenerator<unknown, void> {
  let rest: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of text as AsyncIterable<Buffer>) {
      let from = 0
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        rest.push(chunk.subarray(from, at))
        yield JSON.parse(Buffer.concat(rest).toString('utf8')) as unknown
        rest = []
        size = 0
        from = at + 1
      }
      rest.push(chunk.subarray(from))
      size += chunk.length - from
      if (size > LINE_BYTES) throw new Error('a line is too long')
    }
  } catch (error) {
    throw unreadable(file, error)
  }
  if (size > 0) throw new MezError('MEZ_BACKUP_UNREADABLE', `${file} ends in the middle of a line`)
}

function checkHead(value: unknown, file: string): ArchiveHead {
  const head = Object(value) as Partial<ArchiveHead>
  if (head.mezite !== 'backup')
    throw new MezError('MEZ_BACKUP_UNREADABLE', `${file} is not a backup of Mezite`)
  if (head.format !== 1)
    throw new MezError(
      'MEZ_BACKUP_UNREADABLE',
      `${file} has format ${head.format}, written by a newer version`,
    )
  return head as ArchiveHead
}

async function* readParts(
  lines: AsyncGenerator<unknown, void>,
  file: string,
): AsyncGenerator<CopyPart, void> {
  const rows: Record<string, number> = {}
  let table = ''
  for await (const line of lines) {
    const part = Object(line) as Record<string, unknown>
    if (part.end === true) {
      const differs = Object.entries((part as Partial<ArchiveEnd>).rows ?? {}).find(
        ([name, count]) => rows[name] !== count,
      )
      if (differs)
        throw new MezError(
          'MEZ_BACKUP_UNREADABLE',
          `${file} has ${rows[differs[0]] ?? 0} of ${differs[1]} rows of ${differs[0]}`,
        )
      return
    }
    if (typeof part.table === 'string') {
      table = part.table
      rows[table] = 0
      yield line as CopyPart
    } else if (typeof part.text === 'string') {
      const text = Buffer.from(part.text)
      const count = countRows(text)
      rows[table] = (rows[table] ?? 0) + count
      yield { rows: count, text }
    } else throw new MezError('MEZ_BACKUP_UNREADABLE', `${file} has a line of an unknown kind`)
  }
  throw new MezError('MEZ_BACKUP_UNREADABLE', `${file} is incomplete`)
}
