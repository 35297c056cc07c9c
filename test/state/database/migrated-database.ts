/** A program: makes an embedded database in a folder, and migrates it and, if a URL follows, the PostgreSQL database there. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { seedDatabase } from '../../../core/program/dev/database-seed.ts'
import { allMigrations } from './collect-migrations.ts'
import { open } from './stores.ts'

const [dataDir = '', url] = process.argv.slice(2)
await mkdir(dirname(dataDir), { recursive: true })
await seedDatabase(dataDir)
const server = url === undefined ? [] : [{ driver: 'postgres', url } as const]
for (const config of [{ driver: 'embedded', dataDir } as const, ...server]) {
  const database = await open(config)
  await database.migrate(await allMigrations())
  await database.close()
}
