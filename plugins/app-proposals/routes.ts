import { Type, type WebRoutes } from '@mezite/core'
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
export function proposalRoutes(proposals: Proposals, desk: Desk): WebRoutes {
  const admin = { config: { access: 'admin' } } as const
  type One = { Params: { id: string } }
  return {
    name: 'app-proposals',
    prefix: '/v1/webapi/app-proposals',
    async routes(web) {
      const list = { summary: 'Apps that agents propose', returns: Type.Array(Listed) }
      web.get('/', { ...admin, schema: list }, async () => (await proposals.list()).map(shown))
      const accepted = Type.Object({ name: Type.String(), accepted: Type.Boolean() })
      web.post<One>(
        '/:id/accept',
        { ...admin, schema: { summary: 'Registers a proposed app, served by its agent', returns: accepted } },
        async ({ params, actor }) => ({ name: (await desk.accept(params.id, actor)).name, accepted: true }),
      )
      web.post<One>(
        '/:id/refuse',
        { ...admin, schema: { summary: 'Refuses an app of this agent with this name', returns: Listed } },
        async ({ params, actor }) => shown(await desk.refuse(params.id, actor)),
      )
      web.delete<One>(
        '/:id',
        { ...admin, schema: { summary: 'Forgets a proposal; its agent may make it again' } },
        async ({ params, actor }, reply) => {
          await desk.remove(params.id, actor)
          reply.code(204)
        },
      )
    },
  }
}
