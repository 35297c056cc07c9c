import type { FastifyPluginAsync } from 'fastify'
import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { Actor } from './audit.ts'
import type { CallRate } from './proxy-limits.ts'
import type { Subject } from './subject.ts'

/**
 * Routes on the hub's own host. An ordinary Fastify plugin, mounted in its own scope. Every route must say
 * `config: { access: 'public' | 'page' | 'user' | 'admin' }`; a route that does not stops the start.
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

/**
 * Who may call a route on the hub's own host.
 * - `public`: anyone; credentials are not read.
 * - `page`: people in a browser who are signed in; the hub sends anyone else to sign in and back. Only on the sign-in host,
 *   by cookie only, and a call that is not safe (RFC 9110 section 9.2.1) must come from that host's own pages.
 * - `user`: people and programs with a session or a token.
 * - `admin`: the same with the role admin, and the operator on the admin socket.
 */
export type RouteAccess = 'public' | 'page' | 'user' | 'admin'

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller. Set before the handler of a route runs that is not `public`; null on `public` routes. */
    subject: Subject
    /** Address of the client after PROXY protocol and trusted proxies; empty on the admin socket. */
    clientIp: string
    /** The caller, for changes and their records: `subject`, `clientIp`, the request's id, and `stillMay`. */
    readonly actor: Actor
    /**
     * The caller by what is known now; null when nobody any more, or when the view is too old to say. For responses that
     * last; like every call it counts as use of the session. Always null on `public` routes.
     */
    identifyAgain: () => Promise<Subject | null>
    /** For the guard only: the caller by what is known now, or rejects with what it would refuse. Null: nothing can change. */
    judgeAgain: (() => Promise<Subject>) | null
  }
  interface FastifyReply {
    /** Sends a page; no cache keeps it. Forms may lead to redirects to `formTargets`, origins other than this host. */
    page(html: string, options?: { readonly formTargets?: readonly string[] }): FastifyReply
  }
  interface FastifyContextConfig {
    access?: RouteAccess
    /** `public` and `page` routes: which of `proxy.limits.calls_per_minute` holds for one address; default `other`, for pages `pages`. */
    rate?: CallRate
    /** A change that can end access: the response lists in `cut` what was cut on all hubs. The response is an object. */
    cuts?: boolean
    /** How long the handler may take, in milliseconds; 0: no deadline, for responses that last. Default 60 s. */
    deadlineMs?: number
  }
}

/** The hub's own names. */
export const publicNames = serviceRef<PublicNames>('publicNames')

/** Routes on the hub's own host. */
export const webRoutes = slotRef<WebRoutes>('webRoutes')
