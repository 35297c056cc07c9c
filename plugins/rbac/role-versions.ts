import { type AddRoute, type Database, Type } from '@mezite/core'
import type { ResourceChange } from '@mezite/core/types'
import type { RbacTables } from './migrations.ts'
import { type RoleDocument, type RoleRule, roleSpec } from './role-resource.ts'
import type { RoleRow } from './roles.ts'

/** How many are kept of a role, the one in force included. */
const MOST_VERSIONS = 20

/**
 * Keeps a role that was stored, in the transaction of the change, with who stored it. The first change of a role that is
 * older than this table also keeps what it replaces.
 */
export async function keepVersion({ trx, row, old, by }: ResourceChange<RoleRow>): Promise<void> {
  const { name } = row
  const db = trx.withTables<RbacTables>()
  const last = await db
    .selectFrom('rbac_role_versions')
    .select('number')
    .where('name', '=', name)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  let number = last?.number ?? 0
  const added = []
  if (last === undefined && old !== undefined)
    added.push({ ...{ name, document: old.document, saved: old.updated, saved_by: null }, number: ++number })
  added.push({
    ...{ name, document: row.document, saved: row.updated, saved_by: by.subject.user },
    number: ++number,
  })
  await db.insertInto('rbac_role_versions').values(added).execute()
  await db
    .deleteFrom('rbac_role_versions')
    .where('name', '=', name)
    .where('number', '<=', number - MOST_VERSIONS)
    .execute()
}

/** The versions of a removed role go with it: a new role of the same name begins with its first version. */
export async function dropVersions({ trx, row }: ResourceChange<RoleRow>): Promise<void> {
  await trx.withTables<RbacTables>().deleteFrom('rbac_role_versions').where('name', '=', row.name).execute()
}

/** `GET /v1/webapi/roles/{name}/versions`. */
export function versionsRoute(database: Database, rules: readonly RoleRule[]): (on: AddRoute) => void {
  const version = Type.Object({
    version: Type.Integer({ description: 'Counts from 1 for each role' }),
    saved: Type.Nullable(
      Type.String({ format: 'date-time', description: 'Null: the role came with the cluster' }),
    ),
    saved_by: Type.Nullable(Type.String({ description: 'Null: it is not known' })),
    document: Type.Object({
      kind: Type.Literal('role'),
      version: Type.Literal('v1'),
      metadata: Type.Object({
        name: Type.String(),
        description: Type.Optional(Type.String()),
        labels: Type.Optional(Type.Record(Type.String(), Type.String())),
        expires: Type.Optional(Type.String()),
      }),
      spec: roleSpec(rules),
    }),
  })
  const route = {
    access: 'role.read' as const,
    summary: `The last ${MOST_VERSIONS} versions of a role, the newest first, which is the one in force`,
    returns: Type.Array(version),
  }
  return (on) =>
    on('GET /:name/versions', route, async (name, { mayRow }) => {
      const rows = await database
        .withTables<RbacTables>()
        .selectFrom('rbac_role_versions')
        .selectAll()
        .where('name', '=', name)
        .orderBy('number', 'desc')
        .execute()
      return (
        rows
          .map(({ number, saved, saved_by, document }) => ({
            version: number,
            saved: saved === 0 ? null : new Date(saved).toISOString(),
            saved_by,
            document: JSON.parse(document) as RoleDocument,
          }))
          // A role whose labels have changed may have been somebody else's business before.
          .filter(({ document }) => mayRow === null || mayRow(document.metadata.labels ?? {}))
      )
    })
}
