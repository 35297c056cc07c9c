import { catalog, defineHubPlugin, publicNames, Type, webRoutes } from '@mezite/core'
import { explanations } from '@mezite/core/administration'
import { DecisionPoint, OPEN } from './decision-point.ts'
import { decisionRoutes } from './routes.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const DEFAULT_ACTIONS = Object.fromEntries([OPEN, ...METHODS].map((name) => [name, name]))

/** Answers the questions of the AuthZEN Authorization API 1.0 about people, programs and applications. */
export default defineHubPlugin({
  name: 'authzen',
  api: 1,
  summary: 'Answers AuthZEN questions about access to applications',
  config: Type.Closed({
    actions: Type.Optional(
      Type.Map(Type.String({ pattern: '^(open|[A-Z]{1,32})$', must: 'open, or a method such as GET' }), {
        description:
          'names of actions, each with `open` or a method; default: `open` and the methods themselves',
      }),
    ),
    resource_type: Type.String({
      ...{ default: 'app', minLength: 1, maxLength: 64 },
      description: 'the `type` of applications in questions',
    }),
  }),
  needs: { catalog, explanations, publicNames },
  provides: { webRoutes },
  setup({ config, use, provide }) {
    const { actions = DEFAULT_ACTIONS, resource_type: resourceType } = config
    const point = new DecisionPoint({ ...use, resourceType })
    provide.webRoutes(
      decisionRoutes({ point, actions: new Map(Object.entries(actions)), origin: use.publicNames.hubOrigin }),
    )
  },
})
