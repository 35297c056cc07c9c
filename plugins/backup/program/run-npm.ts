import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)
const DEADLINE_MS = 300_000
const MOST_BYTES = 1 << 26

/** Runs npm in a folder; returns its output. Rejects like `execFile`, with the outputs, and after five minutes. */
export async function runNpm(args: readonly string[], cwd: string): Promise<string> {
  // Settings of this process are not for another program.
  const { NODE_OPTIONS: _, ...env } = process.env
  const { stdout } = await run('npm', args, { cwd, env, timeout: DEADLINE_MS, maxBuffer: MOST_BYTES })
  return stdout
}
