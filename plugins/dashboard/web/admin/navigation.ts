import type { drawings } from '@mezite/core/drawings'
import type { Key } from './text.ts'

/** The pages of the administration in groups: path, title, drawing. */
export const NAVIGATION: readonly (readonly [
  Key | null,
  readonly (readonly [string, Key, keyof typeof drawings])[],
])[] = [
  [null, [['', 'overview', 'home']]],
  [
    'publish',
    [
      ['apps', 'apps', 'grid'],
      ['agents', 'agents', 'server'],
    ],
  ],
  [
    'decide',
    [
      ['people', 'people', 'people'],
      ['roles', 'roles', 'shield'],
      ['sign-in', 'signIn', 'signin'],
      ['locks', 'locks', 'lock'],
    ],
  ],
  [
    'watch',
    [
      ['sessions', 'sessions', 'session'],
      ['requests', 'requests', 'list'],
      ['tokens', 'tokens', 'ticket'],
      ['cluster', 'cluster', 'cloud'],
    ],
  ],
]
