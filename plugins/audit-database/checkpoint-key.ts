import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import type { Database, SecretBox } from '@mezite/core'
import type { AuditTables } from './migrations.ts'

/** Recognises statements about the trail that this cluster has signed. */
export interface StatementVerifier {
  verify(statement: string, signature: string): boolean
}

/** Signs statements about the trail (Ed25519), the same on every hub. */
export interface CheckpointKey extends StatementVerifier {
  readonly publicKey: KeyObject
  sign(statement: string): string
}

const ID = 'checkpoints'
const PLACE = { table: 'audit_database_keys', id: ID, purpose: 'checkpoints' }

/**
 * Loads the key of this cluster, or creates it; of hubs that start together, one creates it. Rejects with
 * `MEZ_SECRET_UNREADABLE` when it was not sealed by this cluster's encryption key.
 */
export async function openCheckpointKey(database: Database, secretBox: SecretBox): Promise<CheckpointKey> {
  const db = database.withTables<AuditTables>()
  const read = () =>
    db.selectFrom('audit_database_keys').select('private_key').where('id', '=', ID).executeTakeFirst()
  let row = await read()
  if (!row) {
    const der = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' })
    await db
      .insertInto('audit_database_keys')
      .values({ id: ID, private_key: secretBox.seal(PLACE, der) })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    row = await read()
  }
  const key = secretBox.open(PLACE, Buffer.from(row?.private_key ?? []))
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  return {
    publicKey,
    sign: (statement) => sign(null, Buffer.from(statement), privateKey).toString('base64url'),
    ...verifierOf(publicKey),
  }
}

export const verifierOf = (publicKey: KeyObject): StatementVerifier => ({
  verify: (statement, signature) =>
    verify(null, Buffer.from(statement), publicKey, Buffer.from(signature, 'base64url')),
})
