import { hkdfSync, randomBytes } from 'node:crypto'
import type { Database, SecretBox } from '@mezite/core'
import type { Tables } from './migrations.ts'

const NAME = 'root'
const place = { table: 'authorization_server_secrets', id: NAME, purpose: 'cookies and nonces' }

/** Secrets that all hubs of the cluster share, derived from one that the first hub stored: by purpose, 32 bytes each. */
export async function loadSecrets(
  database: Database,
  secretBox: Pick<SecretBox, 'seal' | 'open'>,
): Promise<(purpose: string) => Buffer> {
  const db = database.withTables<Tables>()
  await db
    .insertInto('authorization_server_secrets')
    .values({ name: NAME, sealed: secretBox.seal(place, randomBytes(32)) })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { sealed } = await db
    .selectFrom('authorization_server_secrets')
    .select('sealed')
    .where('name', '=', NAME)
    .executeTakeFirstOrThrow()
  const root = secretBox.open(place, Buffer.from(sealed))
  return (purpose) => Buffer.from(hkdfSync('sha256', root, '', purpose, 32))
}
