import { X509Certificate } from 'node:crypto'
import type { Database, Migrations, SecretBox } from '@mezite/core'
import { createRoot, type Issued } from './authority.ts'

type Tables = { local_authority_root: { id: number; certificate: string; private_key: Buffer } }

export const localAuthorityMigrations: Migrations = {
  owner: 'local-authority',
  migrations: {
    '0001-root': {
      async up(db: Database) {
        await db.schema
          .createTable('local_authority_root')
          .addColumn('id', 'integer', (column) => column.primaryKey())
          .addColumn('certificate', 'text', (column) => column.notNull())
          .addColumn('private_key', 'bytea', (column) => column.notNull())
          .execute()
      },
    },
  },
}

const PLACE = { table: 'local_authority_root', id: '1', purpose: 'root' }

/** Loads the root of this cluster, or creates it; of hubs that start together, one creates it. */
export async function openRoot(
  database: Database,
  secretBox: SecretBox,
  names: readonly string[],
  now: number,
): Promise<Issued> {
  const db = database.withTables<Tables>()
  const read = () => db.selectFrom('local_authority_root').selectAll().where('id', '=', 1).executeTakeFirst()
  let row = await read()
  if (!row) {
    const { cert, key } = await createRoot(names, now)
    const values = { id: 1, certificate: cert, private_key: secretBox.seal(PLACE, Buffer.from(key)) }
    await db
      .insertInto('local_authority_root')
      .values(values)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    row = await read()
  }
  const { certificate, private_key: sealed } = row!
  return {
    cert: certificate,
    key: secretBox.open(PLACE, Buffer.from(sealed)).toString(),
    expires: new X509Certificate(certificate).validToDate.getTime(),
  }
}
