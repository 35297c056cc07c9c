import type { Database, Migrations } from '@mezite/core'
import { STANDARD_ROLES } from './standard-roles.ts'

export type RbacTables = {
  rbac_roles: { name: string; document: string; updated: number }
  rbac_role_versions: {
    name: string
    /** Counts from 1 for each role. */
    number: number
    document: string
    saved: number
    saved_by: string | null
  }
}

/** Whether somebody may have a role already: a name that had no document until now must not begin to give rights. */
async function isNew(db: Database): Promise<boolean> {
  const any = db.withTables<RbacTables & { users: { key: string }; pg_tables: { tablename: string } }>()
  const users = any.selectFrom('pg_tables').select('tablename').where('tablename', '=', 'users')
  if ((await users.executeTakeFirst()) === undefined) return false
  const [user, role] = await Promise.all([
    any.selectFrom('users').select('key').limit(1).executeTakeFirst(),
    any.selectFrom('rbac_roles').select('name').limit(1).executeTakeFirst(),
  ])
  return user === undefined && role === undefined
}

export const rbacMigrations: Migrations = {
  owner: 'rbac',
  migrations: {
    '0001-roles': {
      async up(db: Database) {
        await db.schema
          .createTable('rbac_roles')
          .addColumn('name', 'text', (column) => column.primaryKey())
          .addColumn('document', 'text', (column) => column.notNull())
          .addColumn('updated', 'double precision', (column) => column.notNull())
          .execute()
      },
    },
    '0002-roles-of-administrators': {
      async up(db: Database) {
        if (!(await isNew(db))) return
        const rows = STANDARD_ROLES.map((role) => {
          return { name: role.metadata.name, document: JSON.stringify(role), updated: 0 }
        })
        await db.withTables<RbacTables>().insertInto('rbac_roles').values(rows).execute()
      },
    },
    '0003-role-versions': {
      async up(db: Database) {
        await db.schema
          .createTable('rbac_role_versions')
          .addColumn('name', 'text', (column) => column.notNull())
          .addColumn('number', 'integer', (column) => column.notNull())
          .addColumn('document', 'text', (column) => column.notNull())
          .addColumn('saved', 'double precision', (column) => column.notNull())
          .addColumn('saved_by', 'text')
          .addPrimaryKeyConstraint('rbac_role_versions_pkey', ['name', 'number'])
          .execute()
      },
    },
  },
}
