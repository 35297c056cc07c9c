import { type ChildProcess, spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Log, messageOf } from '@mezite/core/agent'
import type { Staged, StagedReleases } from './staged-releases.ts'

/** The environment variable of an agent that another mezd watches, and the message that such an agent sends once it has a link. */
const SUPERVISED = 'MEZITE_SUPERVISED'
const LINKED = 'mezd-linked'

/** Whether another mezd watches this one: it replaces this process, and reports to the service manager that it stops. */
export const isSupervised = (): boolean => process.env[SUPERVISED] !== undefined && process.send !== undefined

export interface SupervisorOptions {
  readonly releases: StagedReleases
  /** Version and program of this installation. */
  readonly own: Staged
  /** The command line without the program. */
  readonly args: readonly string[]
  /** Time between two looks at the source, in milliseconds; up to a tenth is added, so that agents do not restart together. */
  readonly everyMs: number
  /** Within which a new version must have a link, in milliseconds. */
  readonly linkMs: number
  readonly log: Log
}

/** How long an agent may drain before it is killed. */
const STOP_MS = 40_000

interface Running {
  readonly staged: Staged
  readonly child: ChildProcess
  /** Resolves once it has a link. */
  readonly linked: Promise<true>
  /** Resolves with its exit code. */
  readonly ended: Promise<number>
}

/**
 * Runs the agent in a process of its own, and replaces it by a newer version that enough release keys have signed. The new version must
 * have a link in time; otherwise the version before runs again. Resolves with the exit code once the agent ends by itself or `stop` aborts.
 */
export async function superviseAgent(options: SupervisorOptions, stop: AbortSignal): Promise<number> {
  const { releases, own, log, everyMs, linkMs } = options

  function run(staged: Staged): Running {
    const isScript = staged.path.endsWith('.js')
    const [file, args] = isScript
      ? [process.execPath, [...process.execArgv, staged.path, ...options.args]]
      : [staged.path, options.args]
    // A service often has no folder for caches, where an executable unpacks itself.
    const place = staged === own ? {} : { XDG_CACHE_HOME: dirname(staged.path) }
    const child = spawn(file, args, {
      env: { ...process.env, ...place, [SUPERVISED]: '1' },
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      // Ctrl-C reaches this process alone, which stops the agent.
      detached: true,
    })
    const linked = new Promise<true>((resolve) => {
      child.on('message', (message) => message === LINKED && resolve(true))
    })
    const ended = new Promise<number>((resolve) => {
      child.on('error', (error) => {
        log.error({ version: staged.version, error: messageOf(error) }, 'the agent cannot be started')
        resolve(1)
      })
      // A signal ends it before it can handle one.
      child.once('exit', (code) => resolve(code ?? (stop.aborted ? 0 : 1)))
    })
    return { staged, child, linked, ended }
  }

  /** Lets it drain, then kills it. Resolves with its exit code. */
  async function end({ child, ended }: Running): Promise<number> {
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    const code = await ended
    clearTimeout(hard)
    return code
  }

  /** Whether it has a link in time; false as well if it ends before, or if this process must stop. */
  async function comesUp({ linked, ended }: Running): Promise<boolean> {
    const late = new AbortController()
    const signal = AbortSignal.any([late.signal, stop])
    const tooLate = sleep(linkMs, false, { signal }).catch(() => false)
    const up = await Promise.race([linked, ended.then(() => false), tooLate])
    late.abort()
    return up
  }

  /** A full disk must not end the agent. */
  const write = (work: Promise<void>) =>
    work.catch((error: unknown) => log.error({ error: messageOf(error) }, 'cannot write down the result'))

  /** Runs `before` again in place of a version that got no link. */
  async function rollBack(from: Running, before: Staged): Promise<Running> {
    await end(from)
    if (stop.aborted) return from
    const again = run(before)
    const versions = { version: from.staged.version, runs: before.version }
    log.error(versions, 'the new version got no link; the version before runs again')
    // If the version before gets none either, the hub cannot be reached, and the new version is not to blame.
    if (await comesUp(again)) await write(releases.reject(from.staged.version))
    return again
  }

  /** Starts the accepted version. One that ends before it has a link must not end the agent for good. */
  async function begin(): Promise<Running> {
    let accepted: Staged | null = null
    try {
      accepted = await releases.current(own.version)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the accepted version cannot be used; the installed version runs')
    }
    const first = run(accepted ?? own)
    if (accepted === null || (await comesUp(first)) || stop.aborted) return first
    const hasEnded = first.child.exitCode !== null || first.child.signalCode !== null
    // Without a link it may only be waiting for a hub.
    return hasEnded ? rollBack(first, own) : first
  }

  async function tryNew(before: Running, staged: Staged): Promise<Running> {
    log.info({ from: before.staged.version, to: staged.version }, 'trying a new version')
    await end(before)
    if (stop.aborted) return before
    const tried = run(staged)
    if (await comesUp(tried)) {
      await write(releases.accept(staged.version))
      log.info({ version: staged.version }, 'the new version has a link and is accepted')
      return tried
    }
    return stop.aborted ? tried : rollBack(tried, before.staged)
  }

  let running = await begin()
  while (!stop.aborted) {
    const pause = new AbortController()
    const signal = AbortSignal.any([pause.signal, stop])
    const wait = async () => {
      // A version without a link has nothing that a newer version could be compared with.
      await Promise.race([
        running.linked,
        new Promise((resolve) => signal.addEventListener('abort', resolve)),
      ])
      await sleep(everyMs * (1 + Math.random() / 10), null, { signal }).catch(() => {})
      return null
    }
    const code = await Promise.race([running.ended, wait()])
    pause.abort()
    if (code !== null) return code
    if (stop.aborted) break
    const fetching = new AbortController()
    const until = AbortSignal.any([fetching.signal, stop])
    const fetched = releases.stage(running.staged.version, until).catch((error: unknown) => {
      if (!until.aborted) log.warn({ error: messageOf(error) }, 'cannot get a new version')
      return null
    })
    // A slow source must keep nobody from stopping the agent, nor hide that it has ended.
    const staged = await Promise.race([running.ended, fetched])
    fetching.abort()
    if (typeof staged === 'number') return staged
    if (staged !== null && !stop.aborted) running = await tryNew(running, staged)
  }
  return end(running)
}

/** Reports the first link to the process that watches this agent, and calls `stop` when that process has ended. */
export function reportLink(linked: Promise<void>, stop: () => void): void {
  if (!isSupervised()) return
  // Otherwise an agent would be left that nobody stops.
  if (process.connected) process.once('disconnect', stop)
  else stop()
  void linked.then(
    () => process.send?.(LINKED, undefined, undefined, () => {}),
    () => {},
  )
}
