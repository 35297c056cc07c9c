import { cpSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { emptyDatabaseVersion, modulesFolder } from '../../state/database/empty-database.ts'

/**
 * Puts an empty embedded database into a data folder that has none: a hub opens it in half a second, whereas creating
 * one takes three. The database is created once for each version of PGlite and cached in `node_modules/.cache`. If
 * `MEZITE_TEST_DATABASE` names a folder, `migrated` copies that folder instead, including its migrations.
 */
export async function seedDatabase(
  dataDir: string,
  content: 'migrated' | 'empty' = 'migrated',
): Promise<void> {
  const migrated = content === 'migrated' ? process.env.MEZITE_TEST_DATABASE : undefined
  const seed = migrated ?? (await emptyDatabase())
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  // In one call: for a thousand files it takes half of the processor time.
  cpSync(seed, join(dataDir, 'database'), { recursive: true, errorOnExist: true, force: false })
}

let made: Promise<string> | undefined

/** Folder of an empty database, which must not be opened: it is created once for each version of PGlite. */
export function emptyDatabase(): Promise<string> {
  made ??= (async () => {
    const cache = join(modulesFolder(), '.cache', 'mezite')
    const seed = join(cache, `database-${emptyDatabaseVersion()}`)
    const known = await readFile(join(seed, 'PG_VERSION')).catch(() => null)
    if (known !== null) return seed
    await mkdir(cache, { recursive: true })
    const own = `${seed}.${process.pid}`
    await (await PGlite.create(own)).close()
    // Another process may have been faster; its database is equivalent.
    await rename(own, seed).catch(() => rm(own, { recursive: true, force: true }))
    return seed
  })()
  return made
}
