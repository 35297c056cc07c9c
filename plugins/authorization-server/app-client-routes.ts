import { type App, type Catalog, type PublicNames, resourceRoutes, Type, type WebRoutes } from '@mezite/core'
import type { AccessTokens } from './access-tokens.ts'
import type { AppClient, AppClients } from './app-clients.ts'
import { problemFor } from './reasons.ts'

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

  function appOf(name: string): App {
    const app = catalog.byName(name)
    if (app) return app
    throw problemFor('app_not_found', `There is no app ${name}; \`mezctl apps ls\` lists them.`)
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

  const view = { name: 'client', collection: 'app-clients', key: 'name', form: { flat: Shown } }
  return resourceRoutes(view, (on) => {
    const get = { access: 'app-client.read', summary: 'The OpenID client of an app', returns: Shown } as const
    on('GET /:name', get, (name) => {
      const app = appOf(name)
      const client = appClients.of(app)
      if (client) return show(app, client, null)
      const detail = `${app.name} has no OpenID client; \`mezctl apps oidc ${app.name} --redirect-uri URI\` makes one.`
      throw problemFor('app_client_not_found', detail)
    })
    const put = {
      access: 'app-client.update',
      summary: 'Makes or changes the OpenID client of an app',
      body: Body,
      returns: Shown,
    } as const
    on('PUT /:name', put, async (name, { body, actor }) => {
      const app = appOf(name)
      const { redirect_uris: redirectUris, logout_uri: logoutUri, rotate_secret: rotateSecret } = body
      for (const uri of redirectUris ?? []) requireUri(uri, 'redirect URI')
      if (logoutUri) requireUri(logoutUri, 'logout URI')
      const change = { redirectUris, logoutUri, rotateSecret }
      const { client, secret } = await appClients.put(app, change, actor)
      return show(app, client, secret)
    })
    const remove = {
      access: 'app-client.delete',
      summary: 'Removes the OpenID client of an app, with what it holds',
    } as const
    on('DELETE /:name', remove, async (name, { actor }) => {
      const { clientId } = await appClients.remove(appOf(name), actor)
      await tokens().revoke({ client_id: clientId })
      return undefined
    })
  })
}

/** https, or http to loopback, without a fragment. Throws `Problem` 400 `uri_invalid`. */
function requireUri(text: string, what: string): void {
  const url = URL.parse(text)
  const local = url !== null && /^(127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url.hostname)
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && local)
  if (url && safe && url.hash === '' && url.username === '' && url.password === '') return
  throw problemFor('uri_invalid', `The ${what} "${text}" must be an https URL without a fragment.`)
}
