import type { Database, Migrations } from '@mezite/core'

export type RbacTables = { rbac_roles: { name: string; document: string; updated: number } }

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
  },
}
