import type { Catalog } from '../../api/catalog.ts'
import { Type } from '../../api/config-types.ts'
import { defineResource, type ResourceParts } from '../../api/define-resource.ts'
import type { Link } from '../../api/tunnel.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { AgentTable } from '../../gate/enrolment/agent-tables.ts'
import { inTurns } from '../../kernel/turns.ts'

export interface Agent {
  readonly hostname: string
  /** Milliseconds since the epoch. */
  readonly created: number
  readonly serial: string
  readonly previousSerial: string | null
  readonly certExpires: number
  readonly generation: number
  /** Id of the key of the agent CA that signed its newest certificate; null: unknown. */
  readonly authority: string | null
  /** Keys of the hub CA that it has acknowledged as trusted. */
  readonly hubCaPins: readonly string[]
}

/** The agents that may connect, read from memory; a view of the revisions. */
export interface Agents {
  get(hostname: string): Agent | undefined
  list(): readonly Agent[]
  /** Why the agent may not use the certificate; null: it may. */
  refusalOf(hostname: string, serial: string): AgentRefusal | null
  /** `/v1/webapi/agents`. Removing an agent revokes its certificate and cuts its links. */
  readonly routes: WebRoutes
}

export type AgentRefusal = 'agent_unknown' | 'certificate_superseded'

const timeOf = (at: Date | number) => new Date(at).toISOString()

/** Registers the view of agents with the revisions. `linkOf` is called when an agent is shown. */
export function createAgents(
  parts: ResourceParts & {
    readonly linkOf: (hostname: string) => Link | undefined
    readonly isLocked: (hostname: string) => boolean
    readonly catalog: Pick<Catalog, 'list'>
  },
): Agents {
  const { linkOf, isLocked, catalog } = parts
  const shown = ({ hostname, certExpires }: Agent, apps: readonly { readonly name: string }[]) => {
    const link = linkOf(hostname)
    return {
      hostname,
      connected: link !== undefined,
      locked: isLocked(hostname),
      since: link ? timeOf(link.since) : null,
      version: link?.version ?? null,
      transport: link?.transport ?? null,
      key_exchange: link?.keyExchange ?? null,
      rtt_ms: link?.rttMs ?? null,
      streams: link?.streams ?? 0,
      apps: apps.map(({ name }) => name),
      cert_expires: timeOf(certExpires),
    }
  }
  /** Looks through the apps once, not for each agent. */
  async function showAll(): Promise<(agent: Agent) => object> {
    const served = new Map<string, { readonly name: string }[]>()
    for await (const app of inTurns(catalog.list()))
      for (const hostname of new Set(app.agents)) {
        const apps = served.get(hostname)
        if (apps === undefined) served.set(hostname, [app])
        else apps.push(app)
      }
    return (agent) => shown(agent, served.get(agent.hostname) ?? [])
  }
  const resource = defineResource<Agent, AgentTable>({
    name: 'agent',
    collection: 'agents',
    table: 'agents',
    key: 'hostname',
    form: {
      flat: Type.Object({
        hostname: Type.String(),
        connected: Type.Boolean(),
        locked: Type.Boolean({ description: 'A lock keeps it from connecting' }),
        since: Type.Nullable(Type.String()),
        version: Type.Nullable(Type.String()),
        transport: Type.Nullable(Type.String()),
        key_exchange: Type.Nullable(
          Type.String({ description: 'The group of the key exchange of its tunnel, such as X25519MLKEM768' }),
        ),
        rtt_ms: Type.Nullable(Type.Number()),
        streams: Type.Integer(),
        apps: Type.Array(Type.String()),
        cert_expires: Type.String(),
      }),
    },
    read: (row) => ({
      hostname: row.hostname,
      created: new Date(row.created).getTime(),
      serial: row.cert_serial,
      previousSerial: row.previous_serial,
      certExpires: new Date(row.cert_expires).getTime(),
      generation: row.generation,
      authority: row.cert_authority,
      hubCaPins: row.hub_ca_pins?.split(',') ?? [],
    }),
    show: (agent) =>
      shown(
        agent,
        catalog.list().filter(({ agents }) => agents.includes(agent.hostname)),
      ),
    search: ({ hostname }) => [
      ...[hostname, linkOf(hostname)?.version ?? '', linkOf(hostname)?.transport ?? ''],
      ...[
        linkOf(hostname) ? 'state:connected' : 'state:disconnected',
        isLocked(hostname) ? 'state:locked' : '',
      ],
    ],
    sorts: {
      hostname: ({ hostname }) => hostname,
      since: ({ hostname }) => linkOf(hostname)?.since ?? null,
      streams: ({ hostname }) => linkOf(hostname)?.streams ?? 0,
    },
    audited: ({ hostname }) => ({ agent: hostname }),
    verbs: { list: { summary: 'All agents that may connect', showAll }, get: {}, remove: { cuts: true } },
  })
  const collection = resource.open(parts)
  const { items } = collection

  return {
    get: items.get.bind(items),
    list: () => [...items.values()].sort((a, b) => (a.hostname < b.hostname ? -1 : 1)),
    refusalOf(hostname, serial) {
      const agent = items.get(hostname)
      if (!agent) return 'agent_unknown'
      return serial === agent.serial || serial === agent.previousSerial ? null : 'certificate_superseded'
    },
    routes: resource.routes(collection),
  }
}
