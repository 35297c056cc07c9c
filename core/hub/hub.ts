import { setTimeout as pause } from 'node:timers/promises'
import { v7 as uuidv7 } from 'uuid'
import { agentHooks } from '../api/agent-hooks.ts'
import { hubHooks } from '../api/hub-hooks.ts'
import { hubPartChecks, hubPartTakes } from '../api/part-checks.ts'
import type { LoadedPlugin } from '../base/loader/plugin-loader.ts'
import { version } from '../base/loader/runtime-check.ts'
import { createCounts } from '../base/log/counts.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/error.ts'
import { createKernel } from '../kernel/kernel.ts'
import { createLifetime, type Drainable, type Lifetime } from '../kernel/lifetime.ts'
import type { Log } from '../kernel/log.ts'
import type { GroupMember } from '../traffic/processes/group-member.ts'
import type { HubConfig } from './config/hub-config.ts'
import { standardProviders } from './config/standard-plugins.ts'
import type { HubParts } from './hub-parts.ts'
import { openRooms } from './open-rooms.ts'
import { ownAddress } from './own-address.ts'
import type { Given } from './room.ts'

/** The inputs of a hub. */
export interface HubOptions {
  readonly parts: HubParts
  readonly config: HubConfig
  readonly plugins: readonly LoadedPlugin[]
  readonly log: Log
  readonly clock?: Clock
  /** The group of processes on one public port that this hub is in. */
  readonly group?: GroupMember
}

/** One hub: control plane and proxy in one process. */
export interface Hub extends Pick<Lifetime<OpenHub>, 'start' | 'stop'> {
  /** The ports that it listens on; null before the start. */
  readonly ports: OpenHub['ports'] | null
}

/** How long a lost client or a plugin may delay a drain beyond the grace period, in milliseconds. */
const CLOSE_MS = 2_000

/** Connects the rooms and the plugins. Opens nothing before `start`. */
export function createHub(options: HubOptions): Hub {
  const lifetime = createLifetime((onClose) => open(options, onClose), options.log)
  return {
    start: lifetime.start,
    stop: lifetime.stop,
    get ports() {
      return lifetime.opened?.ports ?? null
    },
  }
}

interface OpenHub extends Drainable {
  readonly ports: { readonly public: number; readonly diagnostics: number }
}

/** The start of a hub from its first file to its last port. */
async function open(options: HubOptions, onClose: (closer: () => unknown) => void): Promise<OpenHub> {
  const { config, log, clock = systemClock, group } = options
  const [instanceId, hubVersion] = [uuidv7(), await version()]
  const phase: Given['phase'] = { now: 'starting' }
  const ports: Given['ports'] = { public: null, diagnostics: null }
  const counts = createCounts(log)
  const kernel = hubKernel(options, clock, counts.slowTap)
  const own = { instanceId, hubVersion, kernel, counts, clock, onClose, phase, ports }
  const parts = await openRooms({ ...options, ...own })
  const { browsers, listener, registry, store, tunnel } = parts.make()
  await parts.start(onClose)
  await kernel.ready()
  const port = ports.public!
  await registry.announce(ownAddress(config.proxy, port, store.localAddress(), group?.index))
  phase.now = 'ready'
  group?.ready(instanceId, listener.adopt, listener.take)
  group?.linked(tunnel.links().length)
  log.info({ port, instance: instanceId, version: hubVersion }, `ready at ${config.publicNames.hubOrigin}`)

  return {
    ports: { public: group?.port ?? port, diagnostics: ports.diagnostics! },
    async drain() {
      phase.now = 'draining'
      // Until balancers notice /readyz, the hub serves their clients and closes each connection with its response.
      browsers.announceShutdown()
      if (!group?.replaced) await pause(config.proxy.shutdown_delay)
      // Agents stop connecting to this hub, and other hubs stop sending their agents here.
      void registry
        .announce(null)
        .catch((error) => log.debug({ cause: messageOf(error) }, 'hub deregistration failed'))
      await listener.stopAccepting()
      group?.closed()
      const grace = AbortSignal.timeout(config.shutdown_grace)
      await kernel.drain(grace, config.shutdown_grace + CLOSE_MS)
      await tunnel.drain(AbortSignal.timeout(CLOSE_MS))
    },
  }
}

/** The kernel of a hub with these plugins. */
export const hubKernel = (
  { plugins, log }: Pick<HubOptions, 'plugins' | 'log'>,
  clock: Clock,
  slowTap: (plugin: string, hook: string, ms: number) => void,
) =>
  createKernel({
    tree: hubHooks,
    side: 'hub',
    otherHalf: agentHooks,
    plugins: plugins.map(({ plugin }) => plugin),
    configs: Object.fromEntries(plugins.map(({ plugin, config }) => [plugin.name, config])),
    suggestions: standardProviders,
    checks: hubPartChecks,
    takes: hubPartTakes,
    slowTap,
    log,
    clock,
  })
