import { link, lstat, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createZstdCompress } from 'node:zlib'
import { MezError, messageOf } from '@mezite/core'
import type { Encrypter } from 'age-encryption'
import type { CopyPart } from '../database/read-rows.ts'
import { createSeal } from './signer.ts'

/** What `link` fails with on file systems that have no hard links, such as FAT and some network shares. */
const WITHOUT_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

/** The first line of an archive. */
export interface ArchiveHead {
  readonly mezite: 'backup'
  readonly format: 2
  /** When the snapshot was taken, RFC 3339. */
  readonly time: string
  readonly cluster: string
  /** Version of Mezite that wrote it. */
  readonly version: string
  /** Base64. */
  readonly encryption_key: string
  /** The migrations that had run, by owner. */
  readonly migrations: Readonly<Record<string, readonly string[]>>
  /** Tables with rows, and the plugin that owns each; null: not a plugin's. */
  readonly tables: Readonly<Record<string, string | null>>
  /** Tables whose rows are left out. */
  readonly left_out: readonly string[]
}

/** The last line but one. */
export interface ArchiveEnd {
  readonly end: true
  readonly rows: Readonly<Record<string, number>>
}

/** The last line: an archive without it is incomplete. */
export interface ArchiveSignature {
  /** Of all lines before, by the key of `signerOf`; base64url. */
  readonly signature: string
}

/** Rejects with `MEZ_USAGE_WRONG` for a recipient that is not an age public key. */
export async function encrypterFor(recipients: readonly string[]): Promise<Encrypter> {
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient)
    } catch {
      throw new MezError('MEZ_USAGE_WRONG', `"${recipient}" is not a public key for backups`, {
        hint: 'A public key begins with age1; `mezhub backup key FILE` makes a pair.',
      })
    }
  }
  return encrypter
}

/**
 * Writes an archive: lines of JSON (the head, the parts of the copy, the end, the signature), compressed with zstd, encrypted
 * with age (https://age-encryption.org/v1). The file appears under its name, with mode 0600, when it is complete and on disk;
 * until then it is `FILE.partial`. Resolves to the rows by table. Throws `MEZ_FILE_UNWRITABLE`, also if the file exists.
 */
export async function writeArchive(
  file: string,
  head: ArchiveHead,
  parts: AsyncIterable<CopyPart>,
  recipients: readonly string[],
  read: (table: string, rows: number) => void,
): Promise<Readonly<Record<string, number>>> {
  const encrypter = await encrypterFor(recipients)
  const rows: Record<string, number> = {}
  const closed = Promise.withResolvers<void>()
  const seal = createSeal(Buffer.from(head.encryption_key, 'base64'))
  const sealed = (part: unknown): string => {
    const line = JSON.stringify(part)
    seal.add(line)
    return `${line}\n`
  }
  async function* lines(): AsyncGenerator<string> {
    try {
      yield sealed(head)
      let table = ''
      for await (const part of parts) {
        if ('table' in part) {
          table = part.table
          rows[table] = 0
        } else {
          rows[table] = rows[table]! + part.rows
          read(table, part.rows)
        }
        yield sealed('table' in part ? part : { text: textOf(part.text) })
      }
      yield sealed({ end: true, rows } satisfies ArchiveEnd)
      yield `${JSON.stringify({ signature: seal.sign() } satisfies ArchiveSignature)}\n`
    } finally {
      closed.resolve()
    }
  }
  const draft = `${file}.partial`
  try {
    await refuseExisting(file)
    await rm(draft, { force: true })
    const output = await open(draft, 'wx', 0o600)
    const text = Readable.from(lines())
    try {
      // A failure shows when the other end is read.
      const compressed = pipeline(text, createZstdCompress(), () => {})
      const encrypted = await encrypter.encrypt(Readable.toWeb(compressed) as ReadableStream<Uint8Array>)
      for await (const chunk of encrypted.values({ preventCancel: true })) await output.write(chunk)
      await output.sync()
    } finally {
      await output.close()
      // The snapshot of the database must have ended, also when the file could not be written.
      if (!text.readableEnded) text.destroy()
      await closed.promise
    }
    await nameDraft(draft, file)
    const folder = await open(dirname(file))
    await folder.sync().finally(() => folder.close())
    return rows
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    if (!isFileError(error)) throw error
    throw new MezError('MEZ_FILE_UNWRITABLE', `cannot write ${file}: ${messageOf(error)}`, { cause: error })
  }
}

const existing = (file: string) =>
  new MezError('MEZ_FILE_UNWRITABLE', `${file} exists already`, {
    hint: 'Name another file, or remove this one.',
  })

/** Throws `MEZ_FILE_UNWRITABLE` when the file exists: a backup never replaces another one. */
export async function refuseExisting(file: string): Promise<void> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (found) throw existing(file)
}

/** Gives a draft its name, which a link does only if nothing has that name. */
async function nameDraft(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw existing(file)
    if (!WITHOUT_LINKS.includes(code)) throw error
    await refuseExisting(file)
    await rename(draft, file)
    return
  }
  await rm(draft)
}

const textOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength).toString('utf8')

const isFileError = (error: unknown) => {
  const { syscall, code } = Object(error) as { syscall?: unknown; code?: unknown }
  return typeof syscall === 'string' && typeof code === 'string'
}
