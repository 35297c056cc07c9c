import type { Clock } from '../../kernel/clock.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import type { LiveLink } from '../tunnel/link.ts'
import type { LiveLinks } from '../tunnel/link-registry.ts'

const CHECK_MS = 2_000
/** How long a link stays beyond need: hubs that start or stop in turn would otherwise make agents dial for nothing. */
const SETTLE_MS = 10_000

/**
 * Retires the links of agents that are to have links to other hubs, once each of these hubs has one. Open streams end first.
 * Returns the stop function.
 */
export function retireNeedlessLinks(options: {
  readonly links: Pick<LiveLinks, 'list'>
  readonly registry: Pick<Registry, 'hubsOf' | 'relays' | 'onChanged'>
  readonly instanceId: string
  /** Whether another hub has a link to an agent. */
  readonly has: (hub: string, hostname: string) => boolean
  readonly settleMs?: number
  readonly clock: Clock
}): () => void {
  const { links, registry, instanceId, has, settleMs = SETTLE_MS, clock } = options
  /** The hubs that are to have a link, by link, as of the last change. */
  let chosen = new WeakMap<LiveLink, readonly string[]>()
  /** Since when this hub is not one of them. */
  let needless = new Map<LiveLink, number>()

  registry.onChanged(() => {
    chosen = new WeakMap()
  })

  function hubsOf(link: LiveLink): readonly string[] {
    const known = chosen.get(link)
    if (known) return known
    const found = [...registry.hubsOf(link.hostname).keys()]
    chosen.set(link, found)
    return found
  }

  function check(): void {
    const before = needless
    needless = new Map()
    if (!registry.relays) return
    const now = clock.monotonic()
    for (const link of links.list()) {
      if (!link.usable) continue
      const hubs = hubsOf(link)
      if (hubs.includes(instanceId)) continue
      const since = before.get(link) ?? now
      needless.set(link, since)
      if (now - since >= settleMs && hubs.every((hub) => has(hub, link.hostname))) link.retire('relayed')
    }
  }

  const timer = setInterval(check, Math.min(CHECK_MS, settleMs)).unref()
  return () => clearInterval(timer)
}
