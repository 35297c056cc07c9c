import type { FastifyPluginAsync } from 'fastify'
import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { Actor } from './audit.ts'
import type { CallRate } from './proxy-limits.ts'
import type { Subject } from './subject.ts'

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

/** Who may call a route on the hub's own host. `public` reads no credentials at all. */
export type RouteAccess = 'public' | 'user' | 'admin'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Set before the handler of a `user` or `admin` route runs; null on `public` routes. */
    subject: Subject
    /** Address of the client after PROXY protocol and trusted proxies; empty on the admin socket. */
    clientIp: string
    /** Who calls, for changes and what is recorded of them; `subject`, `clientIp`, the request's id, and `stillMay`. */
    readonly actor: Actor
    /**
     * Who calls by what is known now; null: nobody any more, or the view is too old to say. For answers that last; like
     * every call it counts as use of the session. Always null on `public` routes.
     */
    identifyAgain: () => Promise<Subject | null>
    /** The guard's own: who calls by what is known now, or what it would refuse. Null: nothing can change about it. */
    judgeAgain: (() => Promise<Subject>) | null
  }
  interface FastifyContextConfig {
    access?: RouteAccess
    /** `public` routes only: which of `proxy.limits.calls_per_minute` holds for one address; default `other`. */
    rate?: CallRate
    /** A change that can end access: its answer says in `cut` what was cut on all hubs. The answer is an object. */
    cuts?: boolean
  }
}

/** The hub's own names. */
export const publicNames = serviceRef<PublicNames>('publicNames')

/** Routes on the hub's own host. */
export const webRoutes = slotRef<WebRoutes>('webRoutes')
