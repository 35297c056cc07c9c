import { runProgram } from '@mezite/cli-shared'
import { commands } from './commands.ts'

/** Runs one command line of msh and sets the exit code. */
export function runMsh(argv: readonly string[], manifest: URL): Promise<void> {
  const classes = import.meta.url.endsWith('.ts') ? './command-classes.ts' : './dist/command-classes.js'
  const leading = ['-i', '--identity', '--proxy']
  return runProgram({ name: 'msh', argv, manifest, commands, classes, leading })
}
