import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import type { Migrations } from '../../../core/api/database.ts'
import { roomMigrations } from '../../../core/hub/plugged-rooms.ts'
import { databaseMigrations } from '../../../core/state/database/migrations.ts'

/** The statements of every migration of the rooms and the standard plugins, by `owner/name`, as run on nothing. */
export async function collectMigrations(): Promise<Map<string, readonly string[]>> {
  const all = [databaseMigrations, ...(await allMigrations())]
  const found = new Map<string, readonly string[]>()
  for (const { owner, migrations } of all) {
    for (const [name, { up }] of Object.entries(migrations)) {
      const statements: string[] = []
      const db = new Kysely<unknown>({
        dialect: {
          createAdapter: () => new PostgresAdapter(),
          createDriver: () => new DummyDriver(),
          createIntrospector: (db) => new PostgresIntrospector(db),
          createQueryCompiler: () => new PostgresQueryCompiler(),
        },
        log: ({ query }) => void statements.push(query.sql.replaceAll(/\s+/g, ' ').trim()),
      })
      await up(db)
      found.set(`${owner}/${name}`, statements)
    }
  }
  return found
}

/** The migrations of the rooms and the standard plugins, in the order in which a hub runs them. */
export const allMigrations = async (): Promise<Migrations[]> => [
  ...roomMigrations,
  ...(await migrationsOfPlugins()),
]

async function migrationsOfPlugins(): Promise<Migrations[]> {
  const plugins = join(import.meta.dirname, '../../../plugins')
  const files = readdirSync(plugins, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      file.endsWith('.ts') &&
      !file.includes('node_modules') &&
      /^export const \w+: Migrations = /m.test(readFileSync(join(plugins, file), 'utf8')),
  )
  const modules = await Promise.all(
    files.map((file) => import(pathToFileURL(join(plugins, file)).href) as Promise<Record<string, unknown>>),
  )
  return modules.flatMap((module) => Object.values(module)).filter(isMigrations)
}

const isMigrations = (value: unknown): value is Migrations =>
  typeof value === 'object' && value !== null && 'owner' in value && 'migrations' in value
