import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify'
import { isAdminRight } from '../../api/rights.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { compilersFactory } from './schema-check.ts'

const API = '/v1/webapi/'

export interface DescriptionOptions {
  /** Version of the program. */
  readonly version: string
  readonly publicNames: PublicNames
}

/**
 * Serves the OpenAPI document of the routes that are mounted after this call. It is written for the first request, because
 * few hubs are ever asked for it, and what writes it would be loaded at every start.
 */
export function serveDescription(app: FastifyInstance, options: DescriptionOptions): void {
  const mounted: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    const hidden = (route.schema as { hide?: boolean } | undefined)?.hide === true
    if (route.url.startsWith(API) && route.method !== 'HEAD' && !hidden) mounted.push(route)
  })
  let document: Promise<unknown> | undefined
  app.register(async (scope) => {
    scope.get(
      `${API}openapi.json`,
      { config: { access: 'public' }, schema: { hide: true } as never },
      async () => {
        document ??= describe(mounted, options)
        try {
          return await document
        } catch (error) {
          document = undefined
          throw error
        }
      },
    )
  })
}

/** The document, from a server that has the same routes and never listens. */
async function describe(
  mounted: readonly RouteOptions[],
  { version, publicNames }: DescriptionOptions,
): Promise<unknown> {
  const { default: fastifySwagger } = await import('@fastify/swagger')
  const app = Fastify({ logger: false, exposeHeadRoutes: false, schemaController: { compilersFactory } })
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Mezite',
        description: 'The JSON API of the hub; errors are RFC 9457 problems.',
        version,
      },
      servers: [{ url: publicNames.hubOrigin }],
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    transform: ({ schema, url }) => ({
      schema: {
        ...schema,
        ...(schema?.takes ? { body: schema.takes } : {}),
        ...(schema?.returns ? { response: { '2xx': { description: 'Success', ...schema.returns } } } : {}),
      },
      // A route at the prefix itself works with and without the slash.
      url: url.replace(/\/$/, ''),
    }),
  })
  for (const { method, url, schema, config } of mounted) {
    const right = isAdminRight(config?.access) && { 'x-right': config.access }
    app.route({ method, url, schema: { ...schema, ...right }, handler: async () => {} })
  }
  await app.ready()
  return app.swagger()
}
