import { unlink } from 'node:fs/promises'
import { sql } from 'kysely'
import type { Database } from '../../api/database.ts'
import type { SecretBox, SecretPlace } from '../../api/secret-box.ts'
import { isMezError, MezError } from '../../kernel/error.ts'
import { keyFileOf, makeEncryptionKey, readEncryptionKey } from './encryption-key.ts'
import { createSecretBox } from './secret-box.ts'

export interface OpenSecretBoxOptions {
  readonly db: Database
  /** The hub's data directory; contains the file `encryption-key` unless the environment contains the key. */
  readonly dataDir: string
  /** Default: the environment of the process. */
  readonly env?: NodeJS.ProcessEnv
  /** For a database that gets the rows of a copy, with the proof of this key: no file and no proof is read or written. */
  readonly copiedKey?: Buffer | undefined
}

const PLACE: SecretPlace = { table: 'encryption_key_check', id: '1', purpose: 'check' }
const PROOF = Buffer.from('mezite')
/** An arbitrary number that all hubs agree on. */
const LOCK = 7_264_510_028

/**
 * Opens the secret box with the key that the database was first used with; the very first start creates one. Throws
 * `MEZ_ENCRYPTION_KEY_WRONG` when the key is wrong or missing, before it writes any file or row. Runs before the
 * migrations, and creates its own table.
 */
export async function openSecretBox({
  db,
  dataDir,
  env = process.env,
  copiedKey,
}: OpenSecretBoxOptions): Promise<SecretBox> {
  if (copiedKey) {
    await createTable(db)
    return createSecretBox(copiedKey)
  }
  const key = await readEncryptionKey(dataDir, env)
  const known = await readCheck(db)
  if (known) return fitting(key, known)
  const { key: own, made } = key ? { key, made: false } : await makeEncryptionKey(dataDir)
  try {
    return fitting(own, await writeCheck(db, createSecretBox(own)))
  } catch (error) {
    // Another hub stored its key first, so the new file is unused and would block the right key. After any other error,
    // keep the file: the database may contain its proof.
    if (made && isMezError(error, 'MEZ_ENCRYPTION_KEY_WRONG')) await unlink(keyFileOf(dataDir))
    throw error
  }
}

function fitting(key: Buffer | null, check: Uint8Array): SecretBox {
  if (!key) {
    const what = 'the database is encrypted with a key, and this hub has none'
    throw new MezError('MEZ_ENCRYPTION_KEY_WRONG', what)
  }
  const secretBox = createSecretBox(key)
  try {
    secretBox.open(PLACE, Buffer.from(check))
  } catch (cause) {
    throw new MezError('MEZ_ENCRYPTION_KEY_WRONG', 'the database is encrypted with another key', { cause })
  }
  return secretBox
}

/** Throws `MEZ_ENCRYPTION_KEY_WRONG` when the database has no proof of a key, or that of another one. */
export async function proveKey(db: Database, key: Buffer): Promise<void> {
  fitting(key, (await readCheck(db)) ?? Buffer.alloc(0))
}

const createTable = (db: Database) =>
  sql`CREATE TABLE IF NOT EXISTS encryption_key_check (
    id integer PRIMARY KEY CHECK (id = 1),
    sealed bytea NOT NULL
  )`.execute(db)

async function readCheck(db: Database): Promise<Uint8Array | null> {
  const table = await sql<{ there: unknown }>`SELECT to_regclass('encryption_key_check') AS there`.execute(db)
  if (table.rows[0]?.there == null) return null
  const { rows } = await sql<{ sealed: Uint8Array }>`SELECT sealed FROM encryption_key_check`.execute(db)
  return rows[0]?.sealed ?? null
}

/** Stores the proof of this key unless there is one already; resolves to the stored proof. */
function writeCheck(db: Database, secretBox: SecretBox): Promise<Uint8Array> {
  return db.transaction().execute(async (trx) => {
    await sql`SELECT pg_advisory_xact_lock(${LOCK})`.execute(trx)
    await createTable(trx)
    const sealed = secretBox.seal(PLACE, PROOF)
    // Read the proof from the table itself: a database session that looked for the table before it was created may still
    // see it as missing.
    await sql`INSERT INTO encryption_key_check (id, sealed) VALUES (1, ${sealed})
      ON CONFLICT (id) DO NOTHING`.execute(trx)
    const { rows } = await sql<{ sealed: Uint8Array }>`SELECT sealed FROM encryption_key_check`.execute(trx)
    return rows[0]?.sealed ?? sealed
  })
}
