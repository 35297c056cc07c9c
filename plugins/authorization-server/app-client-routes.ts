import {
  type App,
  type Catalog,
  Problem,
  type PublicNames,
  type Static,
  Type,
  type WebRoutes,
} from '@mezite/core'
import type { AccessTokens } from './access-tokens.ts'
import type { AppClient, AppClients } from './app-clients.ts'

const admin = { config: { access: 'admin' } } as const
const MOST_URIS = 20
const Uri = Type.String({ maxLength: 1_024 })
const Body = Type.Closed({
  redirect_uris: Type.Optional(Type.Array(Uri, { minItems: 1, maxItems: MOST_URIS })),
  logout_uri: Type.Optional(Type.Nullable(Uri)),
  rotate_secret: Type.Optional(Type.Boolean()),
})
const Shown = Type.Object({
  app: Type.String(),
  client_id: Type.String(),
  client_secret: Type.Nullable(Type.String()),
  issuer: Type.String(),
  redirect_uris: Type.Array(Type.String()),
  logout_uri: Type.Nullable(Type.String()),
  created: Type.String(),
})

/** `mezctl apps oidc`: the OpenID client of an app. */
export function appClientRoutes(deps: {
  readonly appClients: AppClients
  readonly catalog: Pick<Catalog, 'byName'>
  readonly publicNames: Pick<PublicNames, 'signInOrigin'>
  readonly tokens: () => Pick<AccessTokens, 'revoke'>
}): WebRoutes {
  const { appClients, catalog, publicNames, tokens } = deps

  function appOf(params: unknown): App {
    const { name } = params as { name: string }
    const app = catalog.byName(name)
    if (app) return app
    throw new Problem(404, 'app_not_found', `There is no app ${name}; \`mezctl apps ls\` lists them.`)
  }
  const show = (app: App, client: AppClient, secret: string | null) => ({
    app: app.name,
    client_id: client.clientId,
    client_secret: secret,
    issuer: publicNames.signInOrigin,
    redirect_uris: client.redirectUris,
    logout_uri: client.logoutUri,
    created: new Date(client.created).toISOString(),
  })

  return {
    name: 'authorization-server-app-clients',
    prefix: '/v1/webapi/app-clients',
    async routes(web) {
      web.get(
        '/:name',
        { ...admin, schema: { summary: 'The OpenID client of an app', returns: Shown } },
        async ({ params }) => {
          const app = appOf(params)
          const client = appClients.of(app)
          if (client) return show(app, client, null)
          const detail = `${app.name} has no OpenID client; \`mezctl apps oidc ${app.name} --redirect-uri URI\` makes one.`
          throw new Problem(404, 'app_client_not_found', detail)
        },
      )
      web.put(
        '/:name',
        {
          ...admin,
          schema: { summary: 'Makes or changes the OpenID client of an app', body: Body, returns: Shown },
        },
        async (request) => {
          const app = appOf(request.params)
          const { redirect_uris, logout_uri, rotate_secret } = request.body as Static<typeof Body>
          for (const uri of redirect_uris ?? []) requireUri(uri, 'redirect URI')
          if (logout_uri) requireUri(logout_uri, 'logout URI')
          const change = { redirectUris: redirect_uris, logoutUri: logout_uri, rotateSecret: rotate_secret }
          const { client, secret } = await appClients.put(app, change, request.actor)
          return show(app, client, secret)
        },
      )
      web.delete(
        '/:name',
        { ...admin, schema: { summary: 'Removes the OpenID client of an app, with what it holds' } },
        async (request, reply) => {
          const { clientId } = await appClients.remove(appOf(request.params), request.actor)
          await tokens().revoke({ client_id: clientId })
          return reply.code(204).send()
        },
      )
    },
  }
}

/** https, or http to loopback, without a fragment. Throws `Problem` 400 `uri_invalid`. */
function requireUri(text: string, what: string): void {
  const url = URL.parse(text)
  const local = url !== null && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname)
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && local)
  if (url && safe && url.hash === '' && url.username === '' && url.password === '') return
  throw new Problem(400, 'uri_invalid', `The ${what} "${text}" must be an https URL without a fragment.`)
}
