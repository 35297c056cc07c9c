import type { Commands } from '@mezite/cli'
import { runProgram } from '@mezite/cli/program'

/** The commands of msh itself, in the order of the README. Those of bundled plugins are in their packages, which package.json names. */
export const commands: Commands = {
  status: async () => (await import('./commands/status.ts')).Status,
  'app ls': async () => (await import('./commands/app.ts')).AppLs,
  'app login': async () => (await import('./commands/app.ts')).AppLogin,
  'app run': async () => (await import('./commands/app-run.ts')).AppRun,
  proxy: async () => (await import('./commands/proxy.ts')).LocalProxy,
  token: async () => (await import('./commands/token.ts')).Token,
  curl: async () => (await import('./commands/token.ts')).Curl,
  'kube config': async () => (await import('./commands/kube.ts')).KubeConfig,
  'kube credential': async () => (await import('./commands/kube.ts')).KubeCredential,
  'git-credential': async () => (await import('./commands/credentials.ts')).GitCredential,
  'docker-credential': async () => (await import('./commands/credentials.ts')).DockerCredential,
  completion: async () => (await import('./commands/completion.ts')).completionOf(commands),
}

/** Runs one command line of msh and sets the exit status. */
export function runMsh(argv: readonly string[], manifest: URL): Promise<void> {
  const classes = import.meta.url.endsWith('.ts') ? './command-classes.ts' : './dist/command-classes.js'
  const leading = ['-i', '--identity', '--proxy']
  return runProgram({ name: 'msh', argv, manifest, commands, classes, leading })
}
