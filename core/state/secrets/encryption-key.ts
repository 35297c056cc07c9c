import { randomBytes } from 'node:crypto'
import { chmod, link, lstat, mkdir, open, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { secretVariable } from '../../base/loader/secret-variable.ts'
import { MezError } from '../../kernel/error.ts'

const BYTES = 32

/** The hub's key file, used when the environment does not contain a key. */
export const keyFileOf = (dataDir: string): string => join(dataDir, 'encryption-key')

/** Reads 32 bytes in base64, base64url or hex. Throws `MEZ_ENCRYPTION_KEY_INVALID` that names the source but not the key. */
export function parseEncryptionKey(text: string, source: string): Buffer {
  const trimmed = text.trim()
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex')
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return Buffer.from(trimmed, 'base64')
  throw new MezError(
    'MEZ_ENCRYPTION_KEY_INVALID',
    `${source} is not a key of ${BYTES} bytes in base64 or hex`,
  )
}

/**
 * Reads the hub's key from `MEZITE_ENCRYPTION_KEY` or the file that `MEZITE_ENCRYPTION_KEY_FILE` names, else from the file in the data directory; null if there is neither.
 * Refuses a file that other users can access.
 */
export async function readEncryptionKey(dataDir: string, env: NodeJS.ProcessEnv): Promise<Buffer | null> {
  const given = secretVariable('MEZITE_ENCRYPTION_KEY', env)
  if (given !== undefined) return parseEncryptionKey(given, 'MEZITE_ENCRYPTION_KEY')
  const path = keyFileOf(dataDir)
  try {
    const { mode } = await lstat(path)
    if ((mode & 0o077) !== 0) {
      throw new MezError('MEZ_ENCRYPTION_KEY_INVALID', `${path} is accessible to other users`, {
        hint: `Run chmod 600 ${path}, and check who could have read it.`,
      })
    }
    return parseEncryptionKey(await readFile(path, 'utf8'), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/**
 * Creates a key and its file (mode 0600). The file is complete or does not exist, even after a power cut. An existing file
 * is never overwritten: then the result is its key, with `made` false.
 */
export const makeEncryptionKey = (dataDir: string): Promise<{ key: Buffer; made: boolean }> =>
  storeKey(dataDir, randomBytes(BYTES))

/**
 * Whether the data directory or the environment has this key; false: it has none. Throws `MEZ_ENCRYPTION_KEY_WRONG` when it
 * has another one.
 */
export async function hasEncryptionKey(dataDir: string, key: Buffer, env = process.env): Promise<boolean> {
  const known = await readEncryptionKey(dataDir, env)
  if (known === null || known.equals(key)) return known !== null
  throw new MezError(
    'MEZ_ENCRYPTION_KEY_WRONG',
    `${dataDir} already has the encryption key of another cluster`,
  )
}

/** Stores the key of another machine's cluster in the data directory, unless it is there already. Throws as `hasEncryptionKey`. */
export async function installEncryptionKey(dataDir: string, key: Buffer): Promise<void> {
  if (await hasEncryptionKey(dataDir, key)) return
  await storeKey(dataDir, key)
  await hasEncryptionKey(dataDir, key)
}

async function storeKey(dataDir: string, key: Buffer): Promise<{ key: Buffer; made: boolean }> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const path = keyFileOf(dataDir)
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, `${key.toString('base64')}\n`, { flag: 'wx', mode: 0o600, flush: true })
  try {
    await chmod(draft, 0o600)
    await link(draft, path)
    // Sync before the database stores a proof of the key: a power cut must not leave the proof without the key.
    await syncFolder(dataDir)
    return { key, made: true }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return { key: parseEncryptionKey(await readFile(path, 'utf8'), path), made: false }
  } finally {
    await unlink(draft)
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  await folder.sync().finally(() => folder.close())
}
