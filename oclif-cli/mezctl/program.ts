import { type Commands, runProgram } from '@mezite/cli'

const agents = () => import('./commands/agents.ts')
const apps = () => import('./commands/apps.ts')
const auth = () => import('./commands/auth.ts')
const locks = () => import('./commands/locks.ts')
const sessions = () => import('./commands/sessions.ts')
const tokens = () => import('./commands/tokens.ts')
const users = () => import('./commands/users.ts')

/**
 * The commands of mezctl itself, in the order of the README. Each loads the module of its topic only when it runs. Those of
 * bundled plugins are in their packages, which package.json names.
 */
export const commands: Commands = {
  status: async () => (await import('./commands/status.ts')).Status,
  'apps register': async () => (await apps()).AppsRegister,
  'apps update': async () => (await apps()).AppsUpdate,
  'apps test': async () => (await import('./commands/apps-test.ts')).AppsTest,
  'apps ls': async () => (await apps()).AppsLs,
  'apps get': async () => (await apps()).AppsGet,
  'apps add-agent': async () => (await apps()).AppsAddAgent,
  'apps rm-agent': async () => (await apps()).AppsRmAgent,
  'apps enable': async () => (await apps()).AppsEnable,
  'apps disable': async () => (await apps()).AppsDisable,
  'apps rm': async () => (await apps()).AppsRm,
  'users create': async () => (await users()).UsersCreate,
  'users update': async () => (await users()).UsersUpdate,
  'users relink': async () => (await users()).UsersRelink,
  'users ls': async () => (await users()).UsersLs,
  'users get': async () => (await users()).UsersGet,
  'users rm': async () => (await users()).UsersRm,
  'users drop-mapped-roles': async () => (await users()).UsersDropMappedRoles,
  'tokens create': async () => (await tokens()).TokensCreate,
  'tokens ls': async () => (await tokens()).TokensLs,
  'tokens rm': async () => (await tokens()).TokensRm,
  'agents ls': async () => (await agents()).AgentsLs,
  'agents get': async () => (await agents()).AgentsGet,
  'agents rm': async () => (await agents()).AgentsRm,
  'locks create': async () => (await locks()).LocksCreate,
  'locks ls': async () => (await locks()).LocksLs,
  'locks rm': async () => (await locks()).LocksRm,
  'sessions ls': async () => (await sessions()).SessionsLs,
  'sessions revoke': async () => (await sessions()).SessionsRevoke,
  'access explain': async () => (await import('./commands/access.ts')).AccessExplain,
  'auth export': async () => (await auth()).AuthExport,
  'auth rotate': async () => (await auth()).AuthRotate,
  explain: async () => (await import('./commands/explain.ts')).Explain,
  completion: async () => (await import('./commands/completion.ts')).Completion,
}

/** Runs one command line of mezctl and sets the exit status. */
export function runMezctl(argv: readonly string[], manifest: URL): Promise<void> {
  const classes = import.meta.url.endsWith('.ts') ? './command-classes.ts' : './dist/command-classes.js'
  return runProgram({ name: 'mezctl', argv, manifest, commands, classes, leading: ['--data-dir'] })
}
