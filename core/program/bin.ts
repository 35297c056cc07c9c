import { reportCrash } from '../base/loader/crash-report.ts'
import { releaseStartupMemory } from '../base/loader/startup-memory.ts'
import { reportServiceState } from '../base/log/service-state.ts'
import type { HubConfig } from '../hub/config/hub-config.ts'
import { joinGroup } from '../traffic/processes/group-member.ts'
import { runCli, startLog } from './cli.ts'

/** On a terminal a person waits for the hub to stop, and there is no balancer. */
const withoutDelay = (config: HubConfig): HubConfig =>
  process.stdin.isTTY ? { ...config, proxy: { ...config.proxy, shutdown_delay: 0 } } : config

// Only the hub's own user may access the files that it creates.
process.umask(0o077)

/** Which of several processes this is, from 1; undefined for a hub in one process, and for the parent of several. */
const member = process.env.MEZITE_PROCESS

/** Runs until a signal has drained the hub. Only this file and the parent handle signals and the exit of a process. */
process.exitCode = await runCli({
  args: process.argv.slice(2),
  ...(member === undefined && {
    startGroup: async (config: HubConfig) => (await import('./process-group.ts')).runProcesses(config),
  }),
  start: async (loaded) => {
    const log = startLog(loaded)
    // An uncaught error leaves a gate in an unknown state: exit, so that a supervisor restarts it.
    const die = (error: unknown) => {
      reportCrash(error, loaded.plugins, log)
      process.exit(1)
    }
    process.on('uncaughtException', die)
    process.on('unhandledRejection', die)
    const [{ createHub }, { hubParts }] = await Promise.all([
      import('../hub/hub.ts'),
      import('./parts/hub-parts.ts'),
    ])
    const group = member === undefined ? undefined : await joinGroup(Number(member) - 1, log)
    const { plugins } = loaded
    const config = withoutDelay(loaded.config)
    const hub = createHub({ parts: hubParts, config, plugins, log, ...(group && { group }) })
    let signals = 0
    const stopped = new Promise<NodeJS.Signals>((resolve) => {
      const onSignal = (signal: NodeJS.Signals) => {
        signals += 1
        // The parent also stops a process that a supervisor has sent the signal itself.
        if (signals > 1 && !group) {
          log.warn({ signal }, 'second signal, ending at once')
          process.exit(1)
        }
        resolve(signal)
      }
      process.on('SIGTERM', onSignal)
      process.on('SIGINT', group ? () => {} : onSignal)
      void group?.stopped.then(() => resolve('SIGTERM'))
    })
    // Without a listener, SIGHUP would end the process. Parts that reopen files add their own listeners.
    process.on('SIGHUP', () => log.info('SIGHUP: reopening files'))
    // A signal during start-up stops it in order: stop() waits for the current step.
    const early = stopped.then(() => hub.stop())
    early.catch(() => {})
    await Promise.race([hub.start(), stopped])
    if (signals === 0) await reportServiceState('READY=1', log)
    releaseStartupMemory()
    const signal = await stopped
    log.info({ signal }, 'draining')
    void reportServiceState('STOPPING=1', log)
    await early
    log.info('stopped')
  },
})

// Everything is closed now; a leaked handle must not keep a supervisor waiting, and neither must Node.js, which rarely waits
// for ever for a socket when it cleans up by itself.
const LINGER_MS = 2_000
setTimeout(() => process.exit(), LINGER_MS).unref()
process.once('beforeExit', () => process.exit())
