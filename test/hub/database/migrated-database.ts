/** A program: makes an embedded database with every migration in the folder that it is given. */
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { seedDatabase } from '../../../core/testing/database-seed.ts'
import { allMigrations } from './collect-migrations.ts'
import { open } from './stores.ts'

const [folder = ''] = process.argv.slice(2)
await mkdir(dirname(folder), { recursive: true })
await seedDatabase(folder)
const database = await open({ driver: 'embedded', dataDir: folder })
await database.migrate(await allMigrations())
await database.close()
process.stdout.write(join(folder, 'database'))
