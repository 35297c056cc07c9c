import { problemFor, Type, type WebRoutes } from '@mezite/core'
import type { DecisionPoint } from './decision-point.ts'
import { Bodies, type Body, pageOf, readQuestion } from './questions.ts'

const PREFIX = '/access/v1'
const config = { access: 'access.read' } as const
const REQUEST_ID = /^[\x21-\x7e]{1,256}$/

/** `/access/v1/evaluation`, `/access/v1/search/*` and the document by which clients find them (AuthZEN Authorization API 1.0). */
export function decisionRoutes(rooms: {
  readonly point: DecisionPoint
  /** The method of each action, or `open`. */
  readonly actions: ReadonlyMap<string, string>
  readonly origin: string
}): WebRoutes {
  const { point, actions, origin } = rooms

  const searches = {
    subject: (body: Body) => point.subjects(body.resource.id!, readQuestion(body, actions)),
    resource: (body: Body) => point.resources(body.subject.id!, readQuestion(body, actions)),
  }

  const routes: WebRoutes['routes'] = async (web) => {
    // Section 10.1.1: each fault of a question is 400.
    web.addContentTypeParser('*', async () => {
      throw problemFor('bad_request', 'Send the question as application/json.')
    })
    // Section 10.1.2: callers find their own id again, in place of the hub's.
    web.addHook('onSend', async (request, reply) => {
      const id = request.headers['x-request-id']
      if (typeof id === 'string' && REQUEST_ID.test(id)) reply.header('x-request-id', id)
    })
    web.get(
      '/.well-known/authzen-configuration',
      { config: { access: 'public' }, schema: { summary: 'Where the questions of AuthZEN are answered' } },
      async () => ({
        policy_decision_point: origin,
        access_evaluation_endpoint: `${origin}${PREFIX}/evaluation`,
        search_subject_endpoint: `${origin}${PREFIX}/search/subject`,
        search_resource_endpoint: `${origin}${PREFIX}/search/resource`,
        search_action_endpoint: `${origin}${PREFIX}/search/action`,
      }),
    )
    web.post<{ Body: Body }>(
      `${PREFIX}/evaluation`,
      {
        config,
        schema: {
          summary: 'Whether a subject may do something with an application',
          body: Bodies.evaluation,
          returns: Type.Object({
            decision: Type.Boolean(),
            context: Type.Object({
              reason: Type.String(),
              roles: Type.Array(Type.String(), { description: 'That let in' }),
              requirements: Type.Array(Type.String(), { description: 'That are not met' }),
            }),
          }),
        },
      },
      ({ body }) => point.evaluate(body.subject.id!, body.resource.id!, readQuestion(body, actions)),
    )
    for (const kind of ['subject', 'resource'] as const)
      web.post<{ Body: Body }>(
        `${PREFIX}/search/${kind}`,
        { config, schema: { summary: `Every ${kind} for which the decision is yes`, body: Bodies[kind] } },
        async ({ body }) => {
          const { ids, page } = pageOf(await searches[kind](body), kind, body)
          const { type } = body[kind]
          return { page, results: ids.map((id) => ({ type, id })) }
        },
      )
    web.post<{ Body: Body }>(
      `${PREFIX}/search/action`,
      { config, schema: { summary: 'Every action for which the decision is yes', body: Bodies.action } },
      async ({ body }) => {
        const allowed: string[] = []
        for (const name of actions.keys()) {
          const question = readQuestion({ ...body, action: { name } }, actions)
          const { decision } = await point.evaluate(body.subject.id!, body.resource.id!, question)
          if (decision) allowed.push(name)
        }
        const { ids, page } = pageOf(allowed.sort(), 'action', body)
        return { page, results: ids.map((name) => ({ name })) }
      },
    )
  }

  return { name: 'authzen', prefix: '', routes }
}
