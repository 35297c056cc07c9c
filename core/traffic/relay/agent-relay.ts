import type { DialTarget } from '../../api/agent-hooks.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import type { AgentRelay, RelayNeeds } from '../tunnel/serving-links.ts'
import { DialError, dialThrough, type ServingLink } from '../tunnel/tunnel-dialer.ts'
import { retireNeedlessLinks } from './link-retirement.ts'
import type { PeerOptions } from './peer-connection.ts'
import type { Peers } from './peers.ts'
import { createRelayServer } from './relay-server.ts'
import { createRemoteAgents } from './remote-agents.ts'

/** What a relay needs of the hub. */
export interface AgentRelayOptions extends RelayNeeds {
  readonly registry: Pick<Registry, 'reachable' | 'hubsOf' | 'relays' | 'onChanged'>
  readonly peers: Pick<Peers, 'addressOf' | 'header'>
  readonly authorities: PeerOptions['authorities'] & Pick<Authorities, 'hubIdentity' | 'trusts'>
  readonly revisions: Pick<Revisions, 'onApplied'>
  readonly clusterName: string
  readonly instanceId: string
  /** How long links stay that are no longer needed. */
  readonly settleMs?: number
  readonly clock: Clock
  readonly log: Log
}

/**
 * Reaches agents that have no link to this hub through hubs that have one, and relays for these. Access is decided by the hub
 * that a request reached; the one that relays opens streams through its own links only, so that nothing is relayed twice.
 */
export function createAgentRelay(options: AgentRelayOptions): AgentRelay {
  const { links, agents, isAgentLocked, streamsPerAgent } = options
  const remote = createRemoteAgents({
    ...options,
    changed(hostname, connected) {
      if (links.get(hostname)?.usable) return
      options.changed({ hostname, connected, reason: connected ? null : 'connection_lost' })
    },
  })
  const server = createRelayServer({ ...options, dial })
  const stopRetiring = retireNeedlessLinks({ ...options, has: remote.has })

  /** Never through another hub: a stream is relayed once. */
  async function dial(hostname: string, { app, uri, tls, connectMs }: DialTarget) {
    const link = links.get(hostname)
    if (!link?.usable || links.refusalOf(link.certificate) !== null) {
      throw new DialError('MEZ_LINK_LOST', 'link_lost', `this hub has no link to ${hostname}`, hostname)
    }
    if (link.streams >= streamsPerAgent) {
      const message = `${hostname} has too many connections open`
      throw new DialError('MEZ_DIAL_FAILED', 'agent_limit', message, hostname)
    }
    return dialThrough(link, { name: app, uri, tls, timeouts: { connectMs } })
  }

  /** Does not wait for the hub with the link, which may learn of it later. */
  function cutLost(hostname: string): void {
    const locked = isAgentLocked(hostname)
    if (locked || agents.get(hostname) === undefined)
      options.agentLost?.(hostname, locked ? 'locked' : 'revoked')
  }

  options.revisions.onApplied((touched) => {
    if (touched === null || touched.has('lock') || touched.has('agent')) remote.hostnames().forEach(cutLost)
    if (touched !== null && !touched.has('key')) return
    server.recheck()
    remote.recheck()
  })

  let listed: readonly ServingLink[] | null = null
  /** Kept for one turn of the event loop: lists of apps read it for each app. */
  function list(): readonly ServingLink[] {
    if (listed) return listed
    setImmediate(() => {
      listed = null
    })
    const direct = links.list()
    const own = new Set(direct.map(({ hostname }) => hostname))
    const others = [...remote.hostnames()].flatMap((hostname) =>
      own.has(hostname) ? [] : (remote.get(hostname) ?? []),
    )
    listed = [...direct, ...others]
    return listed
  }

  function get(hostname: string): ServingLink | undefined {
    const direct = links.get(hostname)
    return direct?.usable ? direct : (remote.get(hostname) ?? direct)
  }

  return {
    has: (hostname, hub) =>
      hub === undefined ? remote.get(hostname) !== undefined : remote.has(hub, hostname),
    serving: {
      get,
      list,
      faultOf: remote.faultOf,
      async returned(hostnames) {
        if (hostnames.some((hostname) => get(hostname)?.usable)) return true
        const either = [links.returned(hostnames), remote.returned(hostnames)].map(async (back) => {
          if (!(await back)) throw new Error('not back in time')
          return true as const
        })
        return Promise.any(either).catch(() => false)
      },
    },
    accept: server.accept,
    drain: server.drain,
    close() {
      stopRetiring()
      remote.close()
      server.close()
    },
  }
}
