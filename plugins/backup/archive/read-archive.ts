import { createReadStream } from 'node:fs'
import { lstat, readFile } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createZstdDecompress } from 'node:zlib'
import { isMezError, MezError, messageOf } from '@mezite/core'
import { Decrypter } from 'age-encryption'
import { countRows } from '../database/copy-text.ts'
import type { CopyPart } from '../database/read-rows.ts'
import { createSeal, signerOf } from './signer.ts'
import type { ArchiveEnd, ArchiveHead } from './write-archive.ts'

const KEY_BYTES = 32
/** Longest line: a piece of rows with the longest values. */
const LINE_BYTES = 1 << 29

export interface OpenArchive {
  readonly head: ArchiveHead
  /** The key that must have signed it; see `signerOf`. */
  readonly signer: string
  /**
   * Throws `MEZ_BACKUP_UNREADABLE` when the archive ends early, does not contain what its end says, or is not what the signer
   * has signed. All rows come before that.
   */
  readonly parts: AsyncGenerator<CopyPart, void>
}

/** The file of a private key. */
export interface KeyFile {
  readonly privateKey: string
  /** The signers whose archives may be restored with it, from its lines `# Signed by: ed25519:…`. */
  readonly signers: readonly string[]
}

/** Reads the file of a private key, which only its owner may read. Throws `MEZ_BACKUP_UNREADABLE`. */
export async function readKeyFile(file: string): Promise<KeyFile> {
  const unreadable = (why: string) => new MezError('MEZ_BACKUP_UNREADABLE', `${file}: ${why}`)
  const found = await lstat(file).catch((error: Error) => {
    throw unreadable(messageOf(error))
  })
  if ((found.mode & 0o077) !== 0)
    throw unreadable(
      `is readable by other users (mode 0${(found.mode & 0o777).toString(8)}); run chmod 600 ${file}`,
    )
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim())
  const privateKey = lines.find((line) => line.startsWith('AGE-SECRET-KEY-'))
  if (privateKey === undefined)
    throw unreadable('contains no private key (a line that begins with AGE-SECRET-KEY-)')
  const signers = lines.flatMap((line) => /^# Signed by: (\S+)$/.exec(line)?.[1] ?? [])
  return { privateKey, signers }
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
    const lines = readLines(text, file)
    const { value: first } = await lines.next()
    const head = checkHead(first && JSON.parse(first.toString()), file)
    const encryptionKey = Buffer.from(head.encryption_key, 'base64')
    const seal = createSeal(encryptionKey)
    seal.add(first!)
    return { head, signer: signerOf(encryptionKey), parts: readParts(lines, seal, file) }
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

async function* readLines(text: Readable, file: string): AsyncGenerator<Buffer, void> {
  let rest: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of text as AsyncIterable<Buffer>) {
      let from = 0
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
        rest.push(chunk.subarray(from, at))
        yield Buffer.concat(rest)
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
  if (head.format === 2 && Buffer.from(head.encryption_key ?? '', 'base64').length === KEY_BYTES)
    return head as ArchiveHead
  if (Number(head.format) === 1)
    throw new MezError(
      'MEZ_BACKUP_UNREADABLE',
      `${file} has no signature: version ${head.version} wrote none`,
      {
        hint: 'Restore it with the build of Mezite that wrote it, upgrade, and make a new backup.',
      },
    )
  throw new MezError('MEZ_BACKUP_UNREADABLE', `${file} has format ${head.format}, written by a newer version`)
}

async function* readParts(
  lines: AsyncGenerator<Buffer, void>,
  seal: ReturnType<typeof createSeal>,
  file: string,
): AsyncGenerator<CopyPart, void> {
  const unreadable = (why: string) => new MezError('MEZ_BACKUP_UNREADABLE', `${file} ${why}`)
  const rows: Record<string, number> = {}
  let [table, ended] = ['', false]
  for await (const line of lines) {
    const part = parsed(line, file)
    if (ended) {
      if (typeof part.signature !== 'string' || !seal.isSignedBy(part.signature))
        throw unreadable('was changed after the cluster had signed it')
      if (!(await lines.next()).done) throw unreadable('has lines after its signature')
      return
    }
    seal.add(line)
    if (part.end === true) {
      ended = true
      const differs = Object.entries((part as Partial<ArchiveEnd>).rows ?? {}).find(
        ([name, count]) => rows[name] !== count,
      )
      if (differs) throw unreadable(`has ${rows[differs[0]] ?? 0} of ${differs[1]} rows of ${differs[0]}`)
    } else if (typeof part.table === 'string') {
      table = part.table
      rows[table] = 0
      yield part as CopyPart
    } else if (typeof part.text === 'string') {
      const text = Buffer.from(part.text)
      const count = countRows(text)
      rows[table] = (rows[table] ?? 0) + count
      yield { rows: count, text }
    } else throw unreadable('has a line of an unknown kind')
  }
  throw unreadable('is incomplete')
}

function parsed(line: Buffer, file: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line.toString('utf8'))) as Record<string, unknown>
  } catch (error) {
    throw unreadable(file, error)
  }
}
