import { runProgram } from '@mezite/cli-shared'
import { commands } from './commands.ts'

/** Runs one command line of mezctl and sets the exit code. */
export function runMezctl(argv: readonly string[], manifest: URL): Promise<void> {
  const classes = import.meta.url.endsWith('.ts') ? './command-classes.ts' : './dist/command-classes.js'
  const leading = ['--data-dir']
  return runProgram({ name: 'mezctl', argv, manifest, commands, classes, leading })
}
