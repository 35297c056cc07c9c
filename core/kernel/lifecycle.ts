import { withDeadline } from './deadline.ts'
import { isMezError, MezError, messageOf } from './error.ts'
import type { Hook } from './hook.ts'
import type { Hooks } from './hooks.ts'
import type { Log } from './log.ts'

/** Every hook tree has these; the kernel runs them. */
export type LifecycleHooks = {
  readonly lifecycle: {
    readonly start: Hook<'series', void, void>
    readonly ready: Hook<'parallel', void, void>
    readonly drain: Hook<'parallel', AbortSignal, void>
    readonly stop: Hook<'series', void, void>
  }
}

/** Starts, drains and stops the plugins that tap the hooks, each as `Kernel` says. */
export function createLifecycle(hooks: Hooks<LifecycleHooks>, log: Log) {
  const startMs = new Map<string, number>()
  const reached = new Set<string>()
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  const { lifecycle } = hooks.calls
  hooks.intercept('lifecycle.start', async (plugin, run) => {
    if (stopping) throw new MezError('MEZ_START_FAILED', 'stopped while starting')
    reached.add(plugin)
    const began = performance.now()
    await run().catch((cause) => {
      const why = isMezError(cause, 'MEZ_HOOK_TIMEOUT')
        ? cause.message
        : `plugin '${plugin}' did not start: ${messageOf(ownError(cause))}`
      throw new MezError('MEZ_START_FAILED', why, { cause })
    })
    startMs.set(plugin, (startMs.get(plugin) ?? 0) + performance.now() - began)
  })
  const draining: string[] = []
  hooks.intercept('lifecycle.drain', async (plugin, run) => {
    draining.push(plugin)
    const error = await run()
    if (error !== undefined) log.error({ part: plugin, error: messageOf(ownError(error)) }, 'draining failed')
    draining.splice(draining.indexOf(plugin), 1)
  })
  let stopFailure: unknown
  hooks.intercept('lifecycle.stop', async (plugin, run) => {
    // A plugin with a start is stopped only if its start was reached.
    if (hooks.taps('lifecycle.start').includes(plugin) && !reached.has(plugin)) return
    await run().catch((error) => {
      log.error({ plugin, error: ownError(error) }, 'a plugin did not stop cleanly')
      stopFailure ??= error
    })
  })
  const runStop = async () => {
    await lifecycle.stop()
    if (stopFailure !== undefined) throw stopFailure
  }
  const stop = () => (stopping ??= Promise.resolve(starting).then(runStop, runStop))

  return {
    async start(): Promise<void> {
      starting ??= lifecycle.start()
      try {
        await starting
      } catch (error) {
        // Errors while stopping are logged; the caller gets the failed start.
        await stop().catch(() => {})
        throw error
      }
    },
    ready: () => lifecycle.ready(),
    async drain(signal: AbortSignal, deadlineMs: number): Promise<void> {
      const ended = lifecycle.drain(signal).catch(() => {})
      await withDeadline(() => ended, deadlineMs).catch(() =>
        log.error({ parts: draining, waitedMs: deadlineMs }, 'draining timed out'),
      )
    },
    stop,
    /** As in `PluginStatus`. */
    startMs(plugin: string): number | null {
      const ms = startMs.get(plugin)
      return ms === undefined ? null : Math.round(ms * 10) / 10
    },
  }
}

/** What the tap itself threw, for a line that names the plugin already. */
const ownError = (error: unknown): unknown => (isMezError(error, 'MEZ_HOOK_FAILED') ? error.cause : error)
