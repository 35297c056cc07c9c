import type { drawings } from '@mezite/core/drawings'
import type { Right } from '../api-types.ts'
import { may } from './rights.tsx'
import type { Key } from './text.ts'

/** The pages of the administration in groups: path, title, drawing, and the rights of which one opens it. */
const NAVIGATION: readonly (readonly [
  Key | null,
  readonly (readonly [string, Key, keyof typeof drawings, ...Right[]])[],
])[] = [
  [null, [['', 'overview', 'home']]],
  [
    'publish',
    [
      ['apps', 'apps', 'grid', 'app.list'],
      ['agents', 'agents', 'server', 'agent.list'],
    ],
  ],
  [
    'decide',
    [
      ['people', 'people', 'people', 'user.list'],
      ['roles', 'roles', 'shield', 'role.list'],
      ['sign-in', 'signIn', 'signin', 'connector.list'],
      ['locks', 'locks', 'lock', 'lock.list'],
    ],
  ],
  [
    'watch',
    [
      ['sessions', 'sessions', 'session', 'session.list'],
      ['requests', 'requests', 'list', 'audit.list'],
      ['tokens', 'tokens', 'ticket', 'api-token.list', 'token.list'],
      ['cluster', 'cluster', 'cloud', 'status.read'],
    ],
  ],
]

/** The pages that the person may open, in their groups. */
export const openPages = () =>
  NAVIGATION.map(
    ([group, pages]) => [group, pages.filter(([, , , ...rights]) => mayOpen(rights))] as const,
  ).filter(([, pages]) => pages.length > 0)

/** The rights of which one opens a page; none: it is open to all who may administer anything. */
export const rightsOf = (page: string): readonly Right[] =>
  (NAVIGATION.flatMap(([, pages]) => pages)
    .find(([slug]) => slug === page)
    ?.slice(3) as readonly Right[]) ?? []

/** Whether the person may open a page that one of these rights opens. */
export const mayOpen = (rights: readonly Right[]): boolean => rights.length === 0 || rights.some(may)
