import {
  entityTags,
  Problem,
  type PublicNames,
  type Sessions,
  Type,
  type Users,
  type WebRoutes,
} from '@mezite/core'
import { ConnectorSpec, readConnector } from './connector-resource.ts'
import { testConnector } from './connector-test.ts'
import type { Connector, Connectors } from './connectors.ts'
import { callbackUrl } from './login.ts'
import type { Providers } from './providers.ts'

const admin = { config: { access: 'admin' } } as const
const cutting = { config: { access: 'admin', cuts: true } } as const

const ConnectorResource = Type.Object({
  kind: Type.String(),
  version: Type.String(),
  metadata: Type.Object({ name: Type.String(), description: Type.Optional(Type.String()) }),
  spec: ConnectorSpec,
  status: Type.Object({
    etag: Type.String({ description: 'For If-Match of a change' }),
    redirect_uri: Type.String(),
    client_secret_stored: Type.Boolean(),
    private_key_stored: Type.Boolean(),
  }),
})
const ReportResource = Type.Object({
  ok: Type.Boolean(),
  connector: Type.String(),
  issuer: Type.String(),
  redirect_uri: Type.String(),
  post_logout_redirect_uri: Type.String(),
  backchannel_logout_uri: Type.String(),
  sign_in_test_uri: Type.String(),
  checks: Type.Array(
    Type.Object({
      name: Type.String(),
      result: Type.String({ description: 'ok, warn or fail' }),
      detail: Type.String(),
    }),
  ),
})

/** Administration of connectors. A secret can be written but is never returned. */
export function connectorRoutes(deps: {
  connectors: Connectors
  providers: Providers
  sessions: Sessions
  users: Users
  publicNames: PublicNames
}): WebRoutes {
  const { connectors, publicNames } = deps

  const shown = (connector: Connector) => {
    const keys = connectors.publicKeysOf(connector)
    return {
      ...connector.document,
      status: {
        etag: entityTags.of(connector.document),
        redirect_uri: callbackUrl(publicNames, connector.name),
        client_secret_stored: connector.sealedSecret !== null && keys === null,
        private_key_stored: keys !== null,
        ...(keys === null ? {} : { public_keys: { keys } }),
      },
    }
  }
  const found = (params: unknown): Connector => {
    const { name } = params as { name: string }
    const connector = connectors.byName(name)
    if (!connector)
      throw new Problem(
        404,
        'connector_unknown',
        `There is no connector ${name}; \`mezctl sso ls\` lists them.`,
      )
    return connector
  }

  return {
    name: 'oidc-connectors',
    prefix: '/v1/webapi/connectors',
    routes: async (app) => {
      const list = { summary: 'All connectors', returns: Type.Array(ConnectorResource) }
      app.get('', { ...admin, schema: list }, async () => connectors.list().map(shown))
      app.get('/:name', { ...admin, schema: { returns: ConnectorResource } }, async ({ params }) =>
        shown(found(params)),
      )
      app.put('/:name', cutting, async (request) => {
        const { name } = request.params as { name: string }
        const { document, secret } = readConnector(request.body, { name })
        const { created, ended } = await connectors.put(
          document,
          secret,
          deps,
          request.actor,
          request.headers,
        )
        return { created, resource: shown(found(request.params)), cut: { sessions: ended } }
      })
      app.delete('/:name', cutting, async (request) => {
        const { name } = request.params as { name: string }
        const ended = await connectors.remove(name, deps, request.actor)
        return { name, removed: true, cut: { sessions: ended } }
      })
      app.post('/:name/test', { ...admin, schema: { returns: ReportResource } }, async ({ params }) =>
        testConnector(found(params), deps),
      )
    },
  }
}

/** `/v1/webapi/schemas/oidc`: the JSON Schema of a connector's `spec`, for `mezctl explain`. */
export const connectorSchemaRoutes: WebRoutes = {
  name: 'oidc-schema',
  prefix: '/v1/webapi/schemas',
  routes: async (web) => {
    web.get('/oidc', admin, async () => ConnectorSpec)
  },
}
