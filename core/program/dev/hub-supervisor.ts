import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import module from 'node:module'
import { dirname, extname, join } from 'node:path'
import { printError } from '../../kernel/error.ts'
import type { DevHub } from './dev-command.ts'
import { watchSources } from './source-watch.ts'

export interface SupervisorOptions {
  /** Folders whose changes restart the hub. */
  readonly watched: readonly string[]
  readonly print: (text: string) => void
  /** Writes the configuration for the next start. */
  prepare(secret: string): Promise<DevHub>
}

/** What the process of a hub receives: what to load, and once the hub before it has stopped, that it may start. */
export type DevMessage = DevHub | 'start'

/** What the process of a hub reports. */
export type DevReport = 'loaded' | { readonly ready: readonly string[] }

const STOP_MS = 2_000
const own = extname(import.meta.filename)

/**
 * Runs the hub in a process of its own and replaces the process when a watched file changes. The next process loads the
 * code of the hub in advance, so that a restart only opens the database and sets up the plugins. A plugin that does not
 * load, throws or hangs ends its process alone. Resolves when SIGINT or SIGTERM has stopped everything.
 */
export async function superviseHub({ watched, print, prepare }: SupervisorOptions): Promise<void> {
  const secret = randomBytes(24).toString('base64url')
  const processes = new Set<ChildProcess>()
  let spare = startProcess()
  let running: ChildProcess | null = null
  /** The running process until its hub is ready. */
  let starting: ChildProcess | null = null
  let restarting: Promise<void> | null = null
  let changed = false
  let ending = false

  function startProcess(): ChildProcess {
    // The cache of compiled code is a folder below the one that Node.js is given.
    const cache = module.getCompileCacheDir?.()
    const child = fork(join(import.meta.dirname, `dev-hub${own}`), [], {
      execArgv: own === '.ts' ? ['--conditions=mezite-source', '--disable-warning=ExperimentalWarning'] : [],
      env: { ...process.env, ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }) },
      // A terminal signals the whole group, but the supervisor alone stops the hub.
      detached: true,
    })
    processes.add(child)
    child.once('exit', () => processes.delete(child))
    child.on('error', () => {})
    return child
  }

  async function stop(child: ChildProcess): Promise<void> {
    if (!processes.has(child)) return
    const ended = once(child, 'exit')
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    if (child.connected) child.disconnect()
    await ended
    clearTimeout(late)
  }

  async function start(): Promise<void> {
    const began = performance.now()
    const before = running
    const child = spare.connected ? spare : startProcess()
    const ended = once(child, 'exit').then(() => null)
    try {
      child.send((await prepare(secret)) satisfies DevMessage)
      running = child
    } catch (error) {
      printError(error, print)
      if (before) await stop(before)
      running = null
      return print('Waiting for the next change.\n')
    }
    const ready = new Promise<readonly string[]>((resolve) =>
      child.on('message', (report: DevReport) => {
        if (typeof report === 'object') resolve(report.ready)
      }),
    )
    starting = child
    // It reads the configuration and the plugin while the one before it stops.
    if (before) await stop(before)
    if (child.connected) child.send('start' satisfies DevMessage)
    const lines = await Promise.race([ready, ended])
    starting = null
    if (ending) return
    // Started only now, because it would compete with the hub for the processor.
    spare = startProcess()
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    if (lines === null) {
      if (!changed) print('The plugin does not run. Waiting for the next change.\n')
      return
    }
    print(
      before === null ? `Ready after ${seconds} s.\n${lines.join('\n')}\n` : `Restarted in ${seconds} s.\n`,
    )
    void ended.then(() => {
      if (running === child && !ending && restarting === null)
        print('The hub has ended. Waiting for the next change.\n')
    })
  }

  async function startUntilUnchanged(): Promise<void> {
    do {
      changed = false
      await start()
    } while (changed && !ending)
  }

  const onChange = () => {
    changed = true
    // A plugin that hangs would keep its change from being tried.
    starting?.kill('SIGKILL')
    restarting ??= startUntilUnchanged().finally(() => {
      restarting = null
    })
  }
  const watch = watchSources(watched, onChange)
  onChange()
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  ending = true
  watch.close()
  await Promise.all([...processes].map(stop))
}
