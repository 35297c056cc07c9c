import type { Commands } from '@mezite/cli-shared'

/** Every command of msh, in the order of the README. */
export const commands: Commands = {
  login: () => import('./commands/login.ts'),
  logout: () => import('./commands/logout.ts'),
  status: () => import('./commands/status.ts'),
  'app ls': () => import('./commands/app/ls.ts'),
  'app login': () => import('./commands/app/login.ts'),
  completion: () => import('./commands/completion.ts'),
}
