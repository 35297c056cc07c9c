import { type Actor, type AdminRights, defineResource, type Problem } from '@mezite/core'
import type { Collection } from '@mezite/core/administration'
import { changedRights, namesRoles, rightsIn } from './admin-rules.ts'
import { requireKnownRights } from './known-rights.ts'
import { problemFor } from './reasons.ts'
import {
  BUILT_IN_ROLES,
  type RoleDocument,
  type RoleRule,
  type RoleSpec,
  readRole,
  refuseBuiltIn,
  roleSpec,
} from './role-resource.ts'
import { type CompiledRole, compileRole } from './role-set.ts'
import { dropVersions, keepVersion } from './role-versions.ts'

/** A row of `rbac_roles`. */
export interface RoleRow {
  readonly name: string
  readonly document: string
  readonly updated: number
}

export type Roles = Collection<CompiledRole, RoleRow, RoleDocument>

/**
 * Roles with a document, and the rules that plugins add to it. The built-in roles have none. `declared`: the rights that a new rule can be
 * about; absent: all.
 */
export const defineRoles = (rules: readonly RoleRule[] = [], declared?: AdminRights['declared']) => {
  let items: ReadonlyMap<string, CompiledRole> = new Map()
  /** An unreadable role denies everything, so that whoever changes it needs every right. */
  const rightsOf = (row: RoleRow | undefined) => {
    if (row === undefined) return rightsIn({}, rules)
    try {
      return rightsIn(readRole(JSON.parse(row.document), { name: row.name, rules }).spec, rules)
    } catch {
      return null
    }
  }
  /** What people with a role that they may now ask for can then do by other roles, which say `{{user.roles}}`. */
  const widened = () =>
    [...items.values()].flatMap(({ rights: { allow, deny } }) => [...allow, ...deny].filter(namesRoles))
  /** What is left of an unreadable role is not known. */
  const specOf = (row: RoleRow | undefined): RoleSpec => {
    try {
      return row === undefined ? {} : readRole(JSON.parse(row.document), { name: row.name, rules }).spec
    } catch {
      return {}
    }
  }
  function requireRights(by: Actor, old: RoleRow | undefined, next: RoleRow | undefined): undefined {
    const [before, after] = [rightsOf(old), rightsOf(next)]
    if (before === null || after === null) return void by.mayGive?.({ roles: ['admin'] })
    const { roles, rules: changed } = changedRights(before, after)
    by.mayGive?.({ roles, rules: roles.length > 0 ? [...changed, ...widened()] : changed })
  }
  return defineResource<CompiledRole, RoleRow, RoleDocument>({
    name: 'role',
    collection: 'roles',
    table: 'rbac_roles',
    key: 'name',
    form: { spec: roleSpec(rules) },
    example: {
      kind: 'role',
      version: 'v1',
      metadata: { name: 'platform', description: 'The platform team' },
      spec: { options: { max_session_ttl: '8h' }, allow: { app_labels: { team: 'platform' } } },
    },
    read: ({ name, document }) => compileRole(readRole(JSON.parse(document), { name, rules }), rules),
    unreadable: 'every user who has it is denied access',
    show: ({ document }) => document,
    swapped(roles) {
      items = roles
    },
    search: ({ document: { metadata, spec } }) => [
      ...[metadata.name, metadata.description ?? ''],
      ...Object.entries(spec.allow?.app_labels ?? {}).flatMap(([key, values]) =>
        [values].flat().map((value) => `${key}=${value}`),
      ),
    ],
    sorts: { name: ({ document }) => document.metadata.name },
    audited: ({ name }) => ({ name, role: name }),
    missing: roleNotFound,
    verbs: {
      list: { summary: 'All roles with a document' },
      get: {},
      put: {
        cuts: true,
        parse: (body, options) => readRole(body, { ...options, rules }),
        row: (role, _old, updated) => ({ name: role.metadata.name, document: JSON.stringify(role), updated }),
        async within(change) {
          requireRights(change.by, change.old, change.row)
          if (declared) requireKnownRights(specOf(change.row), specOf(change.old), declared())
          await keepVersion(change)
          return undefined
        },
      },
      remove: {
        cuts: true,
        refuse: refuseBuiltIn,
        async within(change) {
          requireRights(change.by, change.row, undefined)
          await dropVersions(change)
          return undefined
        },
      },
    },
  })
}

export function roleNotFound(name: string): Problem {
  if (BUILT_IN_ROLES.includes(name))
    return problemFor('role_not_found', `The role ${name} is built in and has no document.`)
  return problemFor('role_not_found', `There is no role ${name}; \`mezctl roles ls\` lists them.`)
}
