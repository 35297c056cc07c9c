import { apiRoutes, Type, type WebRoutes } from '@mezite/core'
import type { Explanations } from '@mezite/core/administration'

const Query = Type.Closed({
  user: Type.String({ minLength: 1, maxLength: 1_024 }),
  app: Type.String({ minLength: 1, maxLength: 64 }),
  way: Type.Optional(Type.Union([Type.Literal('browser'), Type.Literal('msh'), Type.Literal('api')])),
  method: Type.Optional(
    Type.String({
      ...{ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}$", must: 'a method such as GET' },
      description: 'Explains a request with this method. Default with `path`: GET',
    }),
  ),
  path: Type.Optional(
    Type.String({
      ...{ pattern: '^/', maxLength: 8_192, must: 'a path that begins with /' },
      description: 'Explains a request for this path and query. Default with `method`: /',
    }),
  ),
  upgrade: Type.Optional(
    Type.Literal('websocket', { description: 'Explains the opening of a WebSocket. Its method is GET' }),
  ),
})

const ExplanationSchema = Type.Object({
  effect: Type.String({ description: 'allow, deny or require' }),
  reason: Type.String(),
  rule: Type.Nullable(Type.String({ description: 'The rule that decides, if a policy names one' })),
  votes: Type.Array(
    Type.Object({
      plugin: Type.String(),
      role: Type.Nullable(Type.String()),
      effect: Type.String({ description: 'allow, deny or none' }),
      matcher: Type.Nullable(Type.String()),
      label: Type.Nullable(Type.String()),
      value: Type.Nullable(Type.String()),
    }),
  ),
  grants: Type.Array(Type.Object({ id: Type.String(), role: Type.String(), until: Type.String() }), {
    description: 'Roles that the user has here for a time',
  }),
  requirements: Type.Array(Type.Object({ name: Type.String(), met: Type.Boolean() })),
  lock: Type.Nullable(
    Type.Object({
      id: Type.String(),
      target: Type.Record(Type.String(), Type.String()),
      message: Type.Nullable(Type.String()),
      expires: Type.Nullable(Type.String()),
    }),
  ),
  connector: Type.Nullable(
    Type.Object({
      required: Type.String(),
      signed_in_with: Type.Nullable(Type.String()),
      met: Type.Boolean(),
    }),
  ),
  acts_for: Type.Optional(
    Type.Object(
      { user: Type.String(), effect: Type.String(), reason: Type.String() },
      { description: 'The person for whom a bot acts: the stricter of both counts' },
    ),
  ),
})

/** `GET /v1/webapi/access/explain`. */
export const explanationRoutes = ({ explain }: Explanations): WebRoutes =>
  apiRoutes('access', (on) => {
    const route = {
      access: 'access.read',
      summary: 'Whether a user may open an app, and why',
      querystring: Query,
      returns: ExplanationSchema,
    } as const
    on('GET /explain', route, (_, { query }) => {
      const { user, app, way = 'browser', method, path, upgrade } = query
      const request =
        method === undefined && path === undefined && upgrade === undefined
          ? undefined
          : { method: method ?? 'GET', target: path ?? '/', upgrade: upgrade !== undefined }
      return explain(user, app, way, request)
    })
  })
