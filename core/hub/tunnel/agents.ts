import type { Transaction } from '../../api/database.ts'
import type { Revisions, View } from '../../api/revisions.ts'
import type { TunnelTables } from './migrations.ts'

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
}

export type AgentRefusal = 'agent_unknown' | 'certificate_superseded'

/** Registers the view of agents with the revisions. */
export function createAgents(revisions: Pick<Revisions, 'addView'>): Agents {
  let agents = new Map<string, Agent>()

  const read = async (trx: Transaction, names: readonly string[] | null): Promise<Agent[]> => {
    let query = trx.withTables<TunnelTables>().selectFrom('agents').selectAll()
    if (names) query = query.where('hostname', 'in', names)
    return (await query.execute()).map((row) => ({
      hostname: row.hostname,
      created: new Date(row.created).getTime(),
      serial: row.cert_serial,
      previousSerial: row.previous_serial,
      certExpires: new Date(row.cert_expires).getTime(),
      generation: row.generation,
      authority: row.cert_authority,
      hubCaPins: row.hub_ca_pins?.split(',') ?? [],
    }))
  }
  const view: View = {
    name: 'agents',
    kinds: ['agent'],
    async loadAll(trx) {
      const all = await read(trx, null)
      return () => {
        agents = new Map(all.map((agent) => [agent.hostname, agent]))
      }
    },
    async refresh(trx, touched) {
      const names = [...(touched.get('agent') ?? [])]
      const found = names.length > 0 ? await read(trx, names) : []
      return () => {
        for (const name of names) agents.delete(name)
        for (const agent of found) agents.set(agent.hostname, agent)
      }
    },
  }
  revisions.addView(view)

  return {
    get: (hostname) => agents.get(hostname),
    list: () => [...agents.values()].sort((a, b) => (a.hostname < b.hostname ? -1 : 1)),
    refusalOf(hostname, serial) {
      const agent = agents.get(hostname)
      if (!agent) return 'agent_unknown'
      return serial === agent.serial || serial === agent.previousSerial ? null : 'certificate_superseded'
    },
  }
}
