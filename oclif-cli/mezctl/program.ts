import type { Commands } from '@mezite/cli'
import { runProgram } from '@mezite/cli/program'
import type { Command } from '@oclif/core/command'

type Module = { readonly COMMANDS: Readonly<Record<string, Command.Class>> }

/** Commands of one topic, whose module loads only when one of them runs. */
const topic = (name: string, verbs: readonly string[], load: () => Promise<Module>): Commands =>
  Object.fromEntries(
    verbs.map((verb) => [`${name} ${verb}`, async () => (await load()).COMMANDS[`${name}:${verb}`]!]),
  )
const apps = () => import('./commands/apps.ts')

/**
 * The commands of mezctl itself, in the order of the README. Those of bundled plugins are in their packages, which
 * package.json names.
 */
export const commands: Commands = {
  status: async () => (await import('./commands/status.ts')).Status,
  ...topic('apps', ['register', 'update', 'move'], apps),
  'apps test': async () => (await import('./commands/apps-test.ts')).AppsTest,
  ...topic('apps', ['ls', 'get', 'add-agent', 'rm-agent', 'enable', 'disable', 'rm'], apps),
  ...topic(
    'users',
    ['create', 'add-role', 'remove-role', 'update', 'relink', 'ls', 'get', 'rm', 'drop-mapped-roles'],
    () => import('./commands/users.ts'),
  ),
  ...topic('tokens', ['create', 'ls', 'rm'], () => import('./commands/tokens.ts')),
  ...topic('agents', ['ls', 'get', 'rm'], () => import('./commands/agents.ts')),
  ...topic('locks', ['create', 'ls', 'rm'], () => import('./commands/locks.ts')),
  ...topic('sessions', ['ls', 'revoke'], () => import('./commands/sessions.ts')),
  'access explain': async () => (await import('./commands/access.ts')).AccessExplain,
  'access who': async () => (await import('./commands/access-lists.ts')).AccessWho,
  'access what': async () => (await import('./commands/access-lists.ts')).AccessWhat,
  ...topic('auth', ['export', 'rotate'], () => import('./commands/auth.ts')),
  explain: async () => (await import('./commands/explain.ts')).Explain,
  completion: async () => (await import('./commands/completion.ts')).completionOf(commands),
}

/** Runs one command line of mezctl and sets the exit status. */
export function runMezctl(argv: readonly string[], manifest: URL): Promise<void> {
  const classes = import.meta.url.endsWith('.ts') ? './command-classes.ts' : './dist/command-classes.js'
  return runProgram({
    name: 'mezctl',
    argv,
    manifest,
    commands,
    classes,
    leading: ['--data-dir'],
    manual: 'docs',
  })
}
