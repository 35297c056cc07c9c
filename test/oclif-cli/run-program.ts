import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import '../e2e/plain-programs.ts'

export const MEZCTL = fileURLToPath(new URL('../../oclif-cli/mezctl/mezctl.js', import.meta.url))

export const MSH = fileURLToPath(new URL('../../oclif-cli/msh/msh.js', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** The environment of the test without anything that would lead to a real hub. */
export function cleanEnv(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(MEZITE_|MEZCTL_|MSH_|NODE_OPTIONS|NODE_EXTRA|TAP)/.test(name),
  )
  // Of the runner's options only the bundles, which `plain-programs.ts` has left.
  const { NODE_OPTIONS = '' } = process.env
  return { ...Object.fromEntries(kept), NODE_OPTIONS, HOME: '/nonexistent-home', NO_COLOR: '1', ...extra }
}

/** Starts mezctl, or another program of ours, as a program of its own. */
export function startMezctl(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  program = MEZCTL,
): ChildProcess {
  return start([program, ...args], env)
}

function start(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, args, { env: cleanEnv(env), timeout: 900_000 })
}

/** Runs mezctl, or another program of ours, to its end. */
export function runMezctl(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
  program = MEZCTL,
): Promise<Finished> {
  return runProgram([program, ...args], env, input)
}

const BATCH = fileURLToPath(new URL('batch.ts', import.meta.url))

/**
 * Runs command lines of mezctl one after the other in one process, which is much faster than a process for each; with `BATCH_COLUMNS` in
 * `env` as in a terminal of this width. With `BATCH_TERMINAL` a person
 * can be asked, whose answers are `input`.
 */
export async function runLines(
  lines: readonly (string | readonly string[])[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<readonly Finished[]> {
  const argvs = lines.map((line) => (typeof line === 'string' ? line.split(' ') : line))
  const node = ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning']
  const { code, out, err } = await runProgram([...node, BATCH, JSON.stringify(argvs)], env, input)
  if (code !== 0 || err !== '') throw new Error(`the batch failed: ${err}`)
  return JSON.parse(out)
}

/** Runs Node.js with these arguments to its end. */
export async function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input = '',
): Promise<Finished> {
  const child = start(args, env)
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout!.on('data', (chunk) => out.push(chunk))
  child.stderr!.on('data', (chunk) => err.push(chunk))
  child.stdin!.on('error', () => {})
  child.stdin!.end(input)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }
}
