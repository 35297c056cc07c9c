import { Type } from 'typebox'
import type { Catalog } from '../../api/catalog.ts'
import { NamedPageQuery, pageOf } from '../../api/paging.ts'
import { Problem } from '../../api/problem.ts'
import { Nullable } from '../../api/resource.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { Tunnel } from '../../api/tunnel.ts'
import type { WebRoutes } from '../../api/web-routes.ts'
import type { Agent, Agents } from './agents.ts'
import type { TunnelTables } from './migrations.ts'

const AgentResource = Type.Object({
  hostname: Type.String(),
  connected: Type.Boolean(),
  since: Nullable(Type.String()),
  version: Nullable(Type.String()),
  transport: Nullable(Type.String()),
  rtt_ms: Nullable(Type.Number()),
  streams: Type.Integer(),
  apps: Type.Array(Type.String()),
  cert_expires: Type.String(),
})

/** `/v1/webapi/agents`: list, show and remove agents. Removing an agent revokes its certificate and cuts its links. */
export function agentRoutes(options: {
  readonly agents: Pick<Agents, 'get' | 'list'>
  readonly tunnel: Pick<Tunnel, 'links'>
  readonly catalog: Pick<Catalog, 'list'>
  readonly revisions: Pick<Revisions, 'write'>
}): WebRoutes {
  const { agents, tunnel, catalog, revisions } = options

  function show(agent: Agent) {
    const link = tunnel.links().find((each) => each.hostname === agent.hostname)
    return {
      hostname: agent.hostname,
      connected: link !== undefined,
      since: link ? new Date(link.since).toISOString() : null,
      version: link?.version ?? null,
      transport: link?.transport ?? null,
      rtt_ms: link?.rttMs ?? null,
      streams: link?.streams ?? 0,
      apps: catalog
        .list()
        .filter((app) => app.agents.includes(agent.hostname))
        .map((app) => app.name),
      cert_expires: new Date(agent.certExpires).toISOString(),
    }
  }
  const missing = (hostname: string) =>
    new Problem(404, 'agent_not_found', `There is no agent ${hostname}; \`mezctl agents ls\` lists them.`)

  return {
    name: 'agents',
    prefix: '/v1/webapi/agents',
    async routes(web) {
      const list = {
        summary: 'All agents that may connect',
        querystring: NamedPageQuery,
        returns: Type.Array(AgentResource),
      }
      web.get('/', { config: { access: 'admin' }, schema: list }, async (request, reply) => {
        const keyOf = ({ hostname }: Agent) => hostname
        return pageOf(request, reply, agents.list(), { keyOf, textOf: keyOf }).map(show)
      })
      web.get<{ Params: { hostname: string } }>(
        '/:hostname',
        { config: { access: 'admin' }, schema: { summary: 'One agent', returns: AgentResource } },
        async (request) => {
          const agent = agents.get(request.params.hostname)
          if (!agent) throw missing(request.params.hostname)
          return show(agent)
        },
      )
      web.delete<{ Params: { hostname: string } }>(
        '/:hostname',
        { config: { access: 'admin', cuts: true } },
        async (request) => {
          const { hostname } = request.params
          const removed = await revisions.write(async (trx, change) => {
            const rows = await trx
              .withTables<TunnelTables>()
              .deleteFrom('agents')
              .where('hostname', '=', hostname)
              .returning('hostname')
              .execute()
            if (rows.length === 0) return false
            change.touch('agent', hostname)
            await change.audit({
              type: 'agent.deleted',
              success: true,
              by: request.actor,
              fields: { agent: hostname },
            })
            return true
          }, request.actor)
          if (!removed) throw missing(hostname)
          return { hostname, removed: true }
        },
      )
    },
  }
}
