import {
  type Actor,
  entityTags,
  type Log,
  messageOf,
  Problem,
  type Revisions,
  type Transaction,
  type View,
} from '@mezite/core'
import type { RbacTables } from './migrations.ts'
import { BUILT_IN_ROLES, type RoleDocument, readRole, refuseBuiltIn } from './role-resource.ts'
import { compileRole, type StoredRole } from './role-set.ts'

type Preconditions = Parameters<typeof entityTags.check>[0]

/** Roles in memory, kept up to date by the change sequence, and the changes that administrators make. */
export function createRoles({ revisions, log, now }: { revisions: Revisions; log: Log; now: () => number }) {
  let compiled = new Map<string, StoredRole>()
  let documents = new Map<string, RoleDocument>()

  function add(name: string, text: string): void {
    try {
      const document = readRole(JSON.parse(text), { name })
      compiled.set(name, compileRole(document))
      documents.set(name, document)
    } catch (error) {
      log.error(
        { role: name, cause: messageOf(error) },
        'a stored role is unreadable: every user who has it is denied access',
      )
      compiled.set(name, 'unreadable')
      documents.delete(name)
    }
  }
  const rows = (trx: Transaction) =>
    trx.withTables<RbacTables>().selectFrom('rbac_roles').select(['name', 'document'])

  const view: View = {
    name: 'rbac',
    kinds: ['role'],
    async loadAll(trx) {
      const all = await rows(trx).execute()
      return () => {
        compiled = new Map()
        documents = new Map()
        for (const { name, document } of all) add(name, document)
      }
    },
    async refresh(trx, touched) {
      const names = [...(touched.get('role') ?? [])]
      const found = names.length === 0 ? [] : await rows(trx).where('name', 'in', names).execute()
      return () => {
        for (const name of names) {
          compiled.delete(name)
          documents.delete(name)
        }
        for (const { name, document } of found) add(name, document)
      }
    },
  }
  revisions.addView(view)

  return {
    compiled: () => compiled,
    get: (name: string) => documents.get(name),
    list: () => [...documents.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),

    /** Creates or replaces a role. */
    put(document: RoleDocument, by: Actor, preconditions: Preconditions = {}): Promise<{ created: boolean }> {
      const { name } = document.metadata
      return revisions.write(async (trx, change) => {
        const db = trx.withTables<RbacTables>()
        const row = { document: JSON.stringify(document), updated: now() }
        const old = await db
          .selectFrom('rbac_roles')
          .select('document')
          .where('name', '=', name)
          .executeTakeFirst()
        entityTags.check(preconditions, old && stored(name, old.document))
        if (old) await db.updateTable('rbac_roles').set(row).where('name', '=', name).execute()
        else
          await db
            .insertInto('rbac_roles')
            .values({ name, ...row })
            .execute()
        change.touch('role', name)
        const type = old ? 'role.updated' : 'role.created'
        await change.audit({ type, success: true, by, fields: { name, role: name } })
        return { created: !old }
      }, by)
    },

    async remove(name: string, by: Actor): Promise<void> {
      refuseBuiltIn(name)
      await revisions.write(async (trx, change) => {
        const db = trx.withTables<RbacTables>()
        const gone = await db
          .deleteFrom('rbac_roles')
          .where('name', '=', name)
          .returning('name')
          .executeTakeFirst()
        if (!gone) throw roleNotFound(name)
        change.touch('role', name)
        await change.audit({ type: 'role.deleted', success: true, by, fields: { name, role: name } })
      }, by)
    },
  }
}

/** As `get` shows it; an unreadable one matches no tag. */
function stored(name: string, text: string): object {
  try {
    return readRole(JSON.parse(text), { name })
  } catch {
    return { text }
  }
}

export type Roles = ReturnType<typeof createRoles>

export function roleNotFound(name: string): Problem {
  if (BUILT_IN_ROLES.includes(name))
    return new Problem(404, 'role_not_found', `The role ${name} is built in and has no document.`)
  return new Problem(404, 'role_not_found', `There is no role ${name}; \`mezctl roles ls\` lists them.`)
}
