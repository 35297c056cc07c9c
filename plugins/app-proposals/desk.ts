import { type Actor, type App, type Catalog, type Clock, type Log, messageOf, Problem } from '@mezite/core'
import type { AppsProposed, ProposedApp } from '@mezite/core/administration'
import type { Tunnel } from '@mezite/core/protocol'
import { idOf, type Proposal, type Proposals } from './proposals.ts'
import { problemFor } from './reasons.ts'
import type { Source } from './sources.ts'

/** Decides what becomes of proposals. */
export interface Desk {
  /** An agent proposes these apps. The next run takes them up. */
  heard(event: AppsProposed): void
  /** The agent is away: what it has proposed stays as it is. */
  gone(hostname: string): void
  /** Brings the stored proposals up to date; resolves with a sentence about it. */
  run(signal: AbortSignal): Promise<string>
  /** Registers the app. `by` is null for a rule. Throws `Problem` 404 and 409, and what `Catalog.register` throws. */
  accept(id: string, by: Actor | null): Promise<App>
  refuse(id: string, by: Actor): Promise<Proposal>
  /** Forgets a proposal, also a refused one, which the agent can then propose again. */
  remove(id: string, by: Actor): Promise<void>
}

export function createDesk(options: {
  readonly proposals: Proposals
  /** In the order of their names: the first one that admits an app counts. */
  readonly sources: () => Iterable<Source>
  readonly catalog: Pick<Catalog, 'byName' | 'list' | 'register'>
  readonly tunnel: Pick<Tunnel, 'links'>
  readonly clock: Clock
  readonly log: Log
}): Desk {
  const { proposals, sources, catalog, tunnel, clock, log } = options
  const latest = new Map<string, readonly ProposedApp[]>()

  const sourceOf = (agent: string, app: ProposedApp): Source | undefined => {
    const sorted = [...sources()].sort((one, other) => (one.name < other.name ? -1 : 1))
    return sorted.find((source) => source.admits(agent, app))
  }
  const known = async (id: string): Promise<Proposal> => {
    const found = await proposals.get(id)
    if (found) return found
    const message = `There is no proposal ${id}; \`mezctl app-proposals ls\` lists them.`
    throw problemFor('app_proposal_not_found', message)
  }

  /** What the rules admit of the apps, without those whose name is taken, as many as the rules allow. */
  function admitted(agent: string, apps: readonly ProposedApp[]): ReadonlyMap<string, ProposedApp> {
    const left = new Map<string, number>()
    const kept = new Map<string, ProposedApp>()
    for (const app of apps) {
      const source = sourceOf(agent, app)
      if (source === undefined || catalog.byName(app.name) !== undefined) continue
      const served = () =>
        catalog.list().filter(({ name, agents }) => agents.includes(agent) && source.covers(agent, name))
          .length
      const free = left.get(source.name) ?? source.most - served()
      if (free <= 0) continue
      left.set(source.name, free - 1)
      kept.set(idOf(agent, app), app)
    }
    return kept
  }

  async function update(agent: string, apps: readonly ProposedApp[]): Promise<number> {
    const stored = await proposals.ofAgent(agent)
    const refused = new Set(stored.flatMap(({ app, state }) => (state === 'refused' ? app.name : [])))
    const wanted = admitted(agent, apps)
    const gone = stored.filter(({ id, state }) => state === 'pending' && !wanted.has(id))
    const has = new Set(stored.map(({ id }) => id))
    const added = [...wanted]
      .filter(([id, { name }]) => !has.has(id) && !refused.has(name))
      .map(([id, app]): Proposal => {
        return { id, agent, app, state: 'pending', problem: null, proposed: clock.now() }
      })
    if (gone.length + added.length > 0) await proposals.replace(gone, added)
    const pending = stored.filter(({ id, state }) => state === 'pending' && wanted.has(id))
    for (const one of [...pending, ...added])
      if (sourceOf(agent, one.app)?.always === true && one.problem === null) await acceptByRule(one)
    const left = apps.length - wanted.size
    if (left > 0)
      log.debug({ agent, apps: left }, 'proposed apps that are registered, or that no rule admits')
    return gone.length + added.length
  }

  async function acceptByRule(one: Proposal): Promise<void> {
    try {
      await desk.accept(one.id, null)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      await proposals.note(one, error.message.slice(0, 500))
      log.warn({ app: one.app.name, agent: one.agent, error: messageOf(error) }, 'a proposed app waits')
    }
  }

  const desk: Desk = {
    heard: ({ hostname, apps }) => void latest.set(hostname, apps),
    gone: (hostname) => void latest.delete(hostname),
    async run(signal) {
      let changes = 0
      for (const [agent, apps] of [...latest]) {
        if (signal.aborted) break
        changes += await update(agent, apps)
      }
      return `${changes} proposals changed, of ${latest.size} agents`
    },
    async accept(id, by) {
      const one = await known(id)
      const { agent, app } = one
      if (one.state === 'refused')
        throw problemFor('app_proposal_refused', `The proposal ${id} was refused. Remove it first.`)
      const source = sourceOf(agent, app)
      if (source === undefined) {
        const message = `No app source admits ${app.name} of ${agent} any more; \`mezctl app-sources ls\` lists them.`
        throw problemFor('app_proposal_not_allowed', message)
      }
      if (!tunnel.links().some(({ hostname }) => hostname === agent))
        throw problemFor('agent_not_connected', `The agent ${agent} is not connected.`)
      const registered = await catalog.register(documentOf(one), by)
      await proposals.remove(one, 'accepted', by)
      return registered
    },
    async refuse(id, by) {
      const one = await known(id)
      await proposals.refuse(one, by)
      return known(id)
    },
    async remove(id, by) {
      await proposals.remove(await known(id), 'removed', by)
    },
  }
  return desk
}

/** What an agent can say about an app, and nothing else: only the agent itself serves it. */
export function documentOf({ agent, app }: Proposal): object {
  const { name, uri, protocol, labels = {}, description } = app
  return {
    kind: 'app',
    version: 'v1',
    metadata: { name, labels, ...(description === undefined ? {} : { description }) },
    spec: { uri, agents: [agent], ...(protocol === undefined ? {} : { protocol }) },
  }
}
