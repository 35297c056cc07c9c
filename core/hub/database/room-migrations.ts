import type { Migrations } from '../../api/database.ts'
import { accessMigrations } from '../access/migrations.ts'
import { catalogMigrations } from '../catalog/migrations.ts'
import { hubsMigrations } from '../cluster/migrations.ts'
import { keysMigrations } from '../pki/migrations.ts'
import { sessionsMigrations } from '../sessions/migrations.ts'
import { signInMigrations } from '../signin/migrations.ts'
import { tunnelMigrations } from '../tunnel/migrations.ts'

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
