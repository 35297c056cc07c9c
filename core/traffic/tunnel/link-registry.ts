import type { Audit } from '../../api/audit.ts'
import type { Authorities } from '../../api/certificate-authorities.ts'
import type { HubHooks } from '../../api/hub-hooks.ts'
import { PROPOSALS_PER_MINUTE, readProposedApps } from '../../api/proposed-apps.ts'
import type { ReasonCode } from '../../api/reasons.ts'
import type { Revisions } from '../../api/revisions.ts'
import { createRateLimit } from '../../base/limits/rate-limit.ts'
import type { AgentCertificate } from '../../gate/enrolment/agent-certificate.ts'
import type { RunningStreams } from '../../gate/sessions/stream-registry.ts'
import { messageOf } from '../../kernel/error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Registry } from '../../state/hubs/live-hubs.ts'
import type { Agents } from './agents.ts'
import { createCertificateRenewals, type RenewalsNeeds } from './certificate-renewals.ts'
import type { LiveLink } from './link.ts'
import { ReturningAgents } from './returning-agents.ts'
import type { RotationProgress } from './rotation-progress.ts'

/** How long an agent may take to replace its links to all hubs. */
const MOVE_MS = 10_000

/** The links of this hub by agent, from their hello until they close. */
export interface LiveLinks {
  /** Why the certificate is refused now; null: it is accepted. */
  refusalOf(certificate: AgentCertificate): ReasonCode | null
  /** Links of all stages. The caller adds each one that it creates. */
  readonly all: Set<LiveLink>
  get(hostname: string): LiveLink | undefined
  /** One link for each connected agent. */
  list(): readonly LiveLink[]
  /**
   * Resolves to true when an agent whose connection broke within the last 3 s is connected again; to false if none of these
   * agents is such a one, or none returns within these 3 s.
   */
  returned(hostnames: readonly string[]): Promise<boolean>
  /** The three callbacks of a link. */
  readonly up: (link: LiveLink) => void
  readonly down: (link: LiveLink, reason: string, ready: boolean) => void
  readonly receive: (link: LiveLink, message: Readonly<Record<string, unknown>>) => void
}

export interface LinksNeeds extends RenewalsNeeds {
  readonly audit: Pick<Audit, 'record'>
  readonly authorities: Authorities
  readonly kernel: Pick<Kernel<HubHooks>, 'calls'>
  readonly locks: { isAgentLocked(hostname: string): boolean }
  readonly registry: Pick<Registry, 'hubsOf' | 'reachable' | 'onChanged'>
  readonly revisions: Pick<Revisions, 'onApplied'>
  readonly sessions: { readonly live: Pick<RunningStreams, 'cutAgent'> }
}

/**
 * Keeps one link for each agent, and cuts links whose agent was removed or locked or has a newer certificate. `elsewhere`:
 * whether another hub has a link to the agent, so that it is still connected when its link to this hub ends.
 */
export function createLinkRegistry(
  rooms: LinksNeeds,
  agents: Pick<Agents, 'get' | 'refusalOf'>,
  rotation: Pick<RotationProgress, 'announce' | 'receive'>,
  elsewhere: (hostname: string) => boolean,
): LiveLinks {
  const { audit, authorities, kernel, locks, registry, revisions, sessions, clock, log } = rooms
  const hooks = kernel.calls.tunnel
  const live = new Map<string, LiveLink>()
  const all = new Set<LiveLink>()
  const { renew, confirm } = createCertificateRenewals(rooms, agents)
  const proposals = createRateLimit(clock)
  const returning = new ReturningAgents()

  function refusalOf(certificate: AgentCertificate): ReasonCode | null {
    if (certificate.notAfter <= clock.now()) return 'certificate_expired'
    if (locks.isAgentLocked(certificate.hostname)) return 'agent_locked'
    if (!authorities.trusts('agent-ca', certificate.authority)) return 'certificate_authority_retired'
    return agents.refusalOf(certificate.hostname, certificate.serial)
  }

  function up(link: LiveLink): void {
    const refusal = refusalOf(link.certificate)
    if (refusal) {
      link.destroy(refusal)
      return
    }
    if (link.companion) {
      upCompanion(link)
      return
    }
    const before = live.get(link.hostname)
    live.set(link.hostname, link)
    returning.returned(link.hostname)
    if (before) replace(before, link)
    audit.record(event('agent.connected', link))
    log.info({ agent: link.hostname, transport: link.transport }, 'agent connected')
    hooks.changed({ hostname: link.hostname, connected: true, reason: null })
    rotation.announce(link)
    // The agent's links to other hubs still use the previous certificate until the agent reports that it replaced them.
    if (registry.reachable.size > 1) setTimeout(() => confirm(link), MOVE_MS).unref()
    else confirm(link)
  }

  /** Its link owns it; it never becomes the live link of its agent. */
  function upCompanion(companion: LiveLink): void {
    if (live.get(companion.hostname)?.companions.adopt(companion)) return
    audit.record({
      ...event('agent.rejected', companion),
      reason: 'companion_unexpected' satisfies ReasonCode,
    })
    companion.destroy('companion_unexpected')
  }

  /** The newest link wins. A replacement that the agent planned lets the older link finish its streams. */
  function replace(before: LiveLink, link: LiveLink): void {
    audit.record({ ...event('agent.disconnected', before), reason: 'replaced' satisfies ReasonCode })
    if (link.takesOver || before.moving || before.certificate.serial !== link.certificate.serial) {
      before.retire('replaced')
      return
    }
    log.warn({ agent: link.hostname, client_ip: link.clientIp }, 'a second connection replaced the agent')
    before.destroy('replaced')
  }

  function down(link: LiveLink, reason: string, ready: boolean): void {
    all.delete(link)
    if (!ready) {
      audit.record({ ...event('agent.rejected', link), reason })
      return
    }
    if (live.get(link.hostname) !== link) return
    live.delete(link.hostname)
    if (link.broken) returning.expect(link.hostname)
    audit.record({ ...event('agent.disconnected', link), reason })
    log.info({ agent: link.hostname, reason }, 'agent disconnected')
    if (elsewhere(link.hostname)) return
    hooks.changed({ hostname: link.hostname, connected: false, reason })
  }

  /** The streams of a broken link are reset before the link itself reports that it is down. */
  function returned(hostnames: readonly string[]): Promise<boolean> {
    for (const hostname of hostnames) if (live.get(hostname)?.broken) returning.expect(hostname)
    return returning.of(hostnames)
  }

  /** An agent may send anything: a message that cannot be handled must close its own link and nothing else. */
  function receive(link: LiveLink, message: Readonly<Record<string, unknown>>): void {
    try {
      handle(link, message)
    } catch (error) {
      log.error({ agent: link.hostname, error: messageOf(error) }, 'failed to handle a message of an agent')
      link.destroy('protocol_error')
    }
  }

  function handle(link: LiveLink, message: Readonly<Record<string, unknown>>): void {
    if (message.type === 'draining') link.retire('agent_stopping')
    if (link.companion) return
    if (message.type === 'moved') confirm(link)
    if (message.type === 'apps') propose(link, message.apps)
    rotation.receive(link, message)
    // A newer agent may send messages that this hub does not know.
    if (message.type === 'renew') renew(link, message.csr)
  }

  /** Only the newest link of an agent says what it proposes. */
  function propose(link: LiveLink, given: unknown): void {
    const { hostname } = link
    if (live.get(hostname) !== link || !proposals.take(hostname, PROPOSALS_PER_MINUTE)) return
    hooks.proposed({ hostname, apps: readProposedApps(given) })
  }

  revisions.onApplied((touched) => {
    const keys = touched?.get('key')
    const rotated = touched === null || keys?.has('hub-ca') || keys?.has('agent-ca')
    for (const link of all) {
      const refusal = refusalOf(link.certificate)
      // A link whose successor uses the renewed certificate finishes its streams.
      if (!refusal || (link.retired && refusal === 'certificate_superseded')) {
        if (rotated && live.get(link.hostname) === link) rotation.announce(link)
        continue
      }
      // Other refusals are of the certificate alone: the agent still serves, and its requests go on over its next link.
      const lost = refusal === 'agent_locked' ? 'locked' : refusal === 'agent_unknown' ? 'revoked' : null
      if (lost !== null && live.get(link.hostname) === link) sessions.live.cutAgent(link.hostname, lost)
      link.destroy(refusal)
    }
  })

  registry.onChanged(() => sendHubs(all, registry))

  return {
    refusalOf,
    all,
    get: live.get.bind(live),
    list: () => [...live.values()],
    returned,
    up,
    down,
    receive,
  }
}

/** Tells agents which hubs are live now: also on links that are not up yet, whose greeting named the hubs of before. */
function sendHubs(
  links: Iterable<LiveLink>,
  { hubsOf, reachable }: Pick<Registry, 'hubsOf' | 'reachable'>,
): void {
  for (const link of links) {
    if (link.retired) continue
    const own = hubsOf(link.hostname)
    link.send({ type: 'instances', instances: [...own.keys()], addresses: Object.fromEntries(own) })
    // Links forwarded by a hub that is stopping must be replaced.
    if (link.via === null || link.moving || reachable.has(link.via)) continue
    link.moving = true
    link.send({ type: 'move' })
  }
}

const event = (type: `agent.${'connected' | 'disconnected' | 'rejected'}`, link: LiveLink) => ({
  type,
  success: type !== 'agent.rejected',
  clientIp: link.clientIp,
  fields: { agent: link.hostname, transport: link.transport },
})
