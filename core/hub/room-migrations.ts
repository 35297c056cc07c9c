import { accessMigrations } from './access/access-migrations.ts'
import { catalogMigrations } from './catalog/catalog-migrations.ts'
import type { Migrations } from './database/database.ts'
import { hubsMigrations } from './hubs/hubs-migrations.ts'
import { keysMigrations } from './keys/keys-migrations.ts'
import { sessionsMigrations } from './sessions/sessions-migrations.ts'
import { tunnelMigrations } from './tunnel/tunnel-migrations.ts'
import { signInMigrations } from './web/sign-in/migrations.ts'

/** Tables of the rooms, in the order in which they are made; those of plugins come after. */
export const roomMigrations: readonly Migrations[] = [
  keysMigrations,
  catalogMigrations,
  accessMigrations,
  sessionsMigrations,
  tunnelMigrations,
  signInMigrations,
  hubsMigrations,
]
