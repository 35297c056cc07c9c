import type { RoleDocument, RoleSpec } from './role-resource.ts'

type Entries = NonNullable<NonNullable<RoleSpec['allow']>['admin']>

const roleOf = (name: string, description: string, admin: Entries): RoleDocument => ({
  kind: 'role',
  version: 'v1',
  metadata: { name, description },
  spec: { allow: { admin } },
})

/** Roles of administrators that a new cluster has. They are ordinary documents: an administrator changes or removes them. */
export const STANDARD_ROLES: readonly RoleDocument[] = [
  roleOf('auditor', 'Sees everything but secrets, and changes nothing', [
    { kinds: ['*'], verbs: ['list', 'read'] },
  ]),
  roleOf('helpdesk', 'Helps people who cannot sign in: locks, sessions, passkeys and requests for access', [
    { kinds: ['lock'], verbs: ['list', 'create', 'delete'] },
    { kinds: ['session'], verbs: ['list', 'end'] },
    { kinds: ['passkey'], verbs: ['list', 'create', 'delete'] },
    { kinds: ['request'], verbs: ['create'] },
    { kinds: ['user', 'access', 'dashboard'], verbs: ['list', 'read'] },
  ]),
  roleOf('app-owner', 'Changes the apps whose label owner names the person, or a role of the person', [
    {
      kinds: ['app'],
      verbs: ['list', 'read', 'update'],
      where: { labels: { owner: ['{{user.name}}', '{{user.roles}}'] } },
    },
  ]),
  roleOf('security', 'Locks people, ends sessions, reads and exports what happened, and reviews access', [
    { kinds: ['lock'], verbs: ['list', 'create', 'delete'] },
    { kinds: ['session'], verbs: ['list', 'end'] },
    { kinds: ['change'], verbs: ['list'] },
    {
      kinds: [
        ...['access', 'agent', 'app', 'audit', 'bot', 'dashboard'],
        ...['notification', 'passkey', 'role', 'status', 'traffic', 'user'],
      ],
      verbs: ['list', 'read'],
    },
  ]),
]
