import type { FastifyPluginAsync } from 'fastify'

/**
 * Routes on the hub's own host. An ordinary Fastify plugin, mounted in its own scope. Every route must say
 * `config: { access: 'public' | 'user' | 'admin' }`; a route that does not stops the start.
 */
export interface WebRoutes {
  readonly name: string
  /** Path prefix: `/v1/webapi/...` or `/web/...`. */
  readonly prefix: string
  readonly routes: FastifyPluginAsync
}

/** What the hub calls itself, for plugins that build URLs. */
export interface PublicNames {
  readonly clusterName: string
  /** `https://<public_addr>` without a trailing slash. */
  readonly hubOrigin: string
  /** Origin of the sign-in host; equals `hubOrigin` unless the apps' domain is or contains the hub's host. */
  readonly signInOrigin: string
  readonly appsDomain: string | null
  /** `:port` of public URLs, or an empty string for 443. */
  readonly portSuffix: string
  /** Connector that app sessions must come from, or null for any. */
  readonly appsOidcConnector: string | null
  /** True: answers carry Strict-Transport-Security. Never with the development certificate. */
  readonly hsts?: boolean
}
