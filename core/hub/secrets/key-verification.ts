import { unlink } from 'node:fs/promises'
import { sql } from 'kysely'
import type { Database } from '../../api/database.ts'
import type { SecretBox, SecretPlace } from '../../api/secret-box.ts'
import { isMezError, MezError } from '../../kernel/error.ts'
import { keyFileOf, makeEncryptionKey, readEncryptionKey } from './encryption-key.ts'
import { createSecretBox } from './secret-box.ts'

export interface OpenSecretBoxOptions {
  readonly db: Database
  /** The hub's; holds the file `encryption-key` unless the environment gives the key. */
  readonly dataDir: string
  /** Default: that of the process. */
  readonly env?: NodeJS.ProcessEnv
}

const PLACE: SecretPlace = { table: 'encryption_key_check', id: '1', purpose: 'check' }
const PROOF = Buffer.from('mezite')
/** An arbitrary number that all hubs agree on. */
const LOCK = 7_264_510_028

/**
 * Opens the vault with the key that the database was first used with; at the very first start it makes one. Throws
 * `MEZ_ENCRYPTION_KEY_WRONG` when the key does not fit or is missing, before anything is written: neither file nor row.
 * Runs before the migrations, and brings its own table.
 */
export async function openSecretBox({
  db,
  dataDir,
  env = process.env,
}: OpenSecretBoxOptions): Promise<SecretBox> {
  const key = await readEncryptionKey(dataDir, env)
  const known = await readCheck(db)
  if (known) return fitting(key, known)
  const { key: own, made } = key ? { key, made: false } : await makeEncryptionKey(dataDir)
  try {
    return fitting(own, await writeCheck(db, createSecretBox(own)))
  } catch (error) {
    // Another hub was first with its key: ours protects nothing and would be in the way of the right one. After any other
    // error the database may have the proof of ours.
    if (made && isMezError(error, 'MEZ_ENCRYPTION_KEY_WRONG')) await unlink(keyFileOf(dataDir))
    throw error
  }
}

function fitting(key: Buffer | null, check: Uint8Array): SecretBox {
  if (!key) {
    const what = 'the database was encrypted with a key, and this hub has none'
    throw new MezError('MEZ_ENCRYPTION_KEY_WRONG', what)
  }
  const secretBox = createSecretBox(key)
  try {
    secretBox.open(PLACE, Buffer.from(check))
  } catch (cause) {
    throw new MezError('MEZ_ENCRYPTION_KEY_WRONG', 'the database was encrypted with another key', { cause })
  }
  return secretBox
}

async function readCheck(db: Database): Promise<Uint8Array | null> {
  const table = await sql<{ there: unknown }>`SELECT to_regclass('encryption_key_check') AS there`.execute(db)
  if (table.rows[0]?.there == null) return null
  const { rows } = await sql<{ sealed: Uint8Array }>`SELECT sealed FROM encryption_key_check`.execute(db)
  return rows[0]?.sealed ?? null
}

/** Stores the proof of this key unless there is one; resolves with the one that counts. */
function writeCheck(db: Database, secretBox: SecretBox): Promise<Uint8Array> {
  return db.transaction().execute(async (trx) => {
    await sql`SELECT pg_advisory_xact_lock(${LOCK})`.execute(trx)
    await sql`CREATE TABLE IF NOT EXISTS encryption_key_check (
      id integer PRIMARY KEY CHECK (id = 1),
      sealed bytea NOT NULL
    )`.execute(trx)
    const sealed = secretBox.seal(PLACE, PROOF)
    // Whether there is a proof is asked of the table only: a session that has looked for the table before it was made may
    // go on believing that there is none.
    await sql`INSERT INTO encryption_key_check (id, sealed) VALUES (1, ${sealed})
      ON CONFLICT (id) DO NOTHING`.execute(trx)
    const { rows } = await sql<{ sealed: Uint8Array }>`SELECT sealed FROM encryption_key_check`.execute(trx)
    return rows[0]?.sealed ?? sealed
  })
}
