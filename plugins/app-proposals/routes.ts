import { resourceRoutes, Type, type WebRoutes } from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'
import type { Desk } from './desk.ts'
import type { Proposal, Proposals } from './proposals.ts'

const Listed = Type.Object({
  id: Type.String({
    description: 'Of the whole content: a proposal that its agent changes gets another one',
  }),
  name: Type.String(),
  agent: Type.String(),
  uri: Type.String(),
  protocol: Type.Nullable(Type.String()),
  labels: Type.Map(Type.String()),
  description: Type.Nullable(Type.String()),
  state: Type.String({ description: 'pending or refused' }),
  problem: Type.Nullable(Type.String({ description: 'Why its app source could not accept it' })),
  proposed: Type.String(),
})

/** One proposal as the API shows it. */
export const shown = ({ id, agent, app, state, problem, proposed }: Proposal) => ({
  id,
  name: app.name,
  agent,
  uri: app.uri,
  protocol: app.protocol ?? null,
  labels: app.labels ?? {},
  description: app.description ?? null,
  state,
  problem,
  proposed: new Date(proposed).toISOString(),
})

/** `/v1/webapi/app-proposals`. */
export const proposalRoutes = (proposals: Proposals, desk: Desk): WebRoutes =>
  resourceRoutes<Proposal>(
    {
      ...{ name: 'proposal', collection: 'app-proposals', key: 'id', form: { flat: Listed }, show: shown },
      search: ({ app, agent }) => `${app.name} ${agent} ${app.uri}`,
      sorts: {
        name: ({ app }) => app.name,
        agent: ({ agent }) => agent,
        proposed: ({ proposed }) => proposed,
      },
      list: { summary: 'Apps that agents propose', query: PageQuery, rows: () => proposals.list() },
    },
    (on) => {
      const accepted = Type.Object({ name: Type.String(), accepted: Type.Boolean() })
      const access = 'proposal.review'
      const accept = {
        access,
        summary: 'Registers a proposed app, served by its agent',
        returns: accepted,
      } as const
      on('POST /:id/accept', accept, async (id, { actor }) => ({
        name: (await desk.accept(id, actor)).name,
        accepted: true,
      }))
      const refuse = {
        access,
        summary: 'Refuses an app of this agent with this name',
        returns: Listed,
      } as const
      on('POST /:id/refuse', refuse, async (id, { actor }) => shown(await desk.refuse(id, actor)))
      const forget = {
        access: 'proposal.delete',
        summary: 'Forgets a proposal; its agent may make it again',
      } as const
      on('DELETE /:id', forget, async (id, { actor }) => void (await desk.remove(id, actor)))
    },
  )
