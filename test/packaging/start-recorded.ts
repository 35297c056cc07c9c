import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { until } from '../until.ts'

/** Notes the package of each module that the first thread of a program loads. */
const PRELOAD = `import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
const seen = new Set()
registerHooks({
  load(url, context, next) {
    const name = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(url)?.[1]
    if (name !== undefined && !seen.has(name)) appendFileSync(process.env.RECORD_OF_PACKAGES, name + '\\n')
    seen.add(name)
    return next(url, context)
  },
})
`

/** A running program. */
export interface Recorded {
  /** Names of the packages of which it has loaded a module, without those of this project. */
  loaded(): readonly string[]
  /** What it has logged. */
  readonly log: string
  stop(): Promise<void>
}

/** Starts a program and resolves when its log contains `ready`; rejects when it ends before. Writes two files to `folder`. */
export async function startRecorded(
  folder: string,
  args: readonly string[],
  { cwd, ready }: { readonly cwd: string; readonly ready: RegExp },
): Promise<Recorded> {
  const [preload, record] = [join(folder, 'preload.mjs'), join(folder, 'loaded')]
  writeFileSync(preload, PRELOAD)
  rmSync(record, { force: true })
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, [`--import=${pathToFileURL(preload)}`, ...args], {
    cwd,
    env: { ...env, HOME: folder, RECORD_OF_PACKAGES: record },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  try {
    await until(() => ready.test(log) || child.exitCode !== null, `${ready} in the log`)
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}:\n${log}`)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    loaded: () =>
      readFileSync(record, 'utf8')
        .trim()
        .split('\n')
        .filter((name) => !name.startsWith('@mezite/'))
        .sort(),
    get log() {
      return log
    },
    stop,
  }
}
