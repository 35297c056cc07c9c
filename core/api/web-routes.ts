import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { serviceRef, slotRef } from '../kernel/reference.ts'
import type { AppDisplay } from './app.ts'
import type { Actor, GivenRights } from './audit.ts'
import type { AdminCall, CallAnswer } from './change-holds.ts'
import type { Language, Markup } from './pages.ts'
import type { CallRate } from './proxy-limits.ts'
import type { AdminRight, RowAccess, RowLabels } from './rights.ts'
import type { Session } from './sessions.ts'
import type { HomeLink } from './sign-in.ts'
import type { Subject } from './subject.ts'
import type { AppState } from './tunnel.ts'

/**
 * Routes on the hub's own host: an ordinary Fastify plugin, mounted in its own scope. Every route must set
 * `config: { access: 'public' | 'page' | 'user' | 'KIND.VERB' }`; otherwise the hub does not start.
 */
export interface WebRoutes {
  readonly name: string
  /** Path prefix: `/v1/webapi/...` or `/web/...`; empty for routes with complete paths. */
  readonly prefix: string
  readonly routes: FastifyPluginAsync
  /** Replaces the plain home page of signed-in people. The first plugin that provides it wins. */
  readonly home?: (reply: FastifyReply, view: HomeView) => FastifyReply
  /** Adds a section to the page "My account" of the signed-in person. */
  readonly account?: (request: FastifyRequest, session: Session) => Promise<AccountSection | null>
  /**
   * Path of the page that explains a reason code, for the hub's pages about errors. `person`: the language of a reader who does not
   * administer; for administrators absent.
   */
  readonly helpFor?: (code: string, person?: Language) => string
}

/** A section of the page "My account". */
export interface AccountSection {
  readonly body: Markup
  /** Paths of classic scripts on the sign-in host. */
  readonly scripts: readonly string[]
}

/** The content of the home page of a signed-in person. */
export interface HomeView {
  readonly user: string
  readonly roles: readonly string[]
  /** Enabled apps that the person may open, sorted by name. */
  readonly apps: readonly HomeApp[]
  readonly links: readonly HomeLink[]
  /** Apps that the person may ask for: their title, and the path of the page for it. */
  readonly offers?: readonly { readonly title: string; readonly path: string }[]
  /** Why a lock keeps the person from opening any app; null if there is no lock. */
  readonly locked: string | null
}

/** One card of the home page. */
export interface HomeApp {
  readonly name: string
  /** Absent if the document does not say anything about it. */
  readonly display?: AppDisplay
  readonly description: string | null
  readonly labels: Readonly<Record<string, string>>
  /** Target of "Launch"; null for an app that browsers cannot open. */
  readonly url: string | null
  /** Whether an agent reaches the app. */
  readonly state: AppState['state']
}

/** The hub's public names, for plugins that build URLs. */
export interface PublicNames {
  readonly clusterName: string
  /** `https://<public_addr>` without a trailing slash. */
  readonly hubOrigin: string
  /** Origin of the sign-in host; equals `hubOrigin` unless the apps' domain is or contains the hub's host. */
  readonly signInOrigin: string
  /** The domain of apps that name no other: the first of `appsDomains`; null: the hub serves no apps. */
  readonly appsDomain: string | null
  /** The domains of apps, in lower case; none contains another. */
  readonly appsDomains: readonly string[]
  /** `:port` of public URLs, or an empty string for 443. */
  readonly portSuffix: string
  /** Whether the hub listens for plain HTTP (`proxy.redirect_addr`). */
  readonly plainHttp?: boolean
  /** The connector through which people must sign in to reach apps, or null for any. */
  readonly appsOidcConnector: string | null
  /** True if responses carry Strict-Transport-Security. Never with the development certificate. */
  readonly hsts?: boolean
}

/** The apps' domain that this host, in lower case, is below; null: it cannot be the host of an app. */
export const appsDomainOf = (
  host: string,
  { appsDomains }: Pick<PublicNames, 'appsDomains'>,
): string | null =>
  appsDomains.find((domain) => host.endsWith(`.${domain}`) && host.length > domain.length + 1) ?? null

/**
 * The callers that a route on the hub's own host accepts.
 * - `public`: anyone; credentials are not read.
 * - `page`: people signed in with a browser; the hub sends others to sign in and back. Only on the sign-in host,
 *   by cookie only, and a call that is not safe (RFC 9110 section 9.2.1) must come from that host's own pages.
 * - `user`: people and programs with a session or a token.
 * - a right such as `app.update`: administrators who have it, and the operator on the admin socket.
 */
export type RouteAccess = 'public' | 'page' | 'user' | AdminRight

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller, set before the handler of the route runs; null on `public` routes. */
    subject: Subject
    /** Address of the client after PROXY protocol and trusted proxies; empty on the admin socket. */
    clientIp: string
    /** The caller, for changes and their records: `subject`, `clientIp`, the request's id, `stillMay` and `mayGive`. */
    readonly actor: Actor
    /**
     * Identifies the caller again, for long-lived responses; null if the session has ended or the view is too old. It does
     * not count as use of the session. Always null on `public` routes.
     */
    identifyAgain: () => Promise<Subject | null>
    /**
     * Makes a call of the API in the name of the caller of this request, whose rights are checked again: one that needs a right and
     * changes nothing. With `onlyCheck`, one that would change something: 204 says that the caller may make it, and nothing is changed.
     * Always 401 on `public` routes.
     */
    callApi: (
      call: Pick<AdminCall, 'method' | 'url' | 'body'> & { readonly onlyCheck?: boolean },
    ) => Promise<CallAnswer>
    /**
     * For the guard only: identifies the caller again, or rejects as the guard would. Null if the result cannot change.
     */
    authorizeAgain: (() => Promise<Subject>) | null
    /** For `actor` only: see `Actor.allowedBy`. Null for reading, and for routes that need no right. */
    allowedBy: NonNullable<Actor['allowedBy']> | null
    /** For `actor` only: see `Actor.within`. */
    withinChange: NonNullable<Actor['within']> | null
    /** For `actor` only: throws as `Actor.mayGive`. Null outside the hub. */
    mayGive: ((subject: Subject, given: GivenRights) => void) | null
    /**
     * For a route with `config.rows: 'asks'`: null if the caller has the right for everything, otherwise whether the caller has it for a
     * thing with these labels.
     */
    mayRow: ((labels: RowLabels) => boolean) | null
    /**
     * As `mayRow`, of what is to be stored: throws `Problem` 403 unless the caller has the right for it, now and when the change is
     * made.
     */
    requireRow: (labels: RowLabels) => void
    /**
     * For the hub's own sign-in only: the person whom this call signs in is known, so that the calls on the way here no
     * longer count against the address.
     */
    attemptSucceeded: (() => void) | null
  }
  interface FastifyReply {
    /** Sends a page that caches must not store. Its forms may redirect to the origins in `formTargets`. */
    page(html: string, options?: { readonly formTargets?: readonly string[] }): FastifyReply
  }
  interface FastifySchema {
    /** The purpose of the route, for the description of the API. */
    summary?: string
    /** TypeBox schema of the successful response, for the OpenAPI document only: it neither checks nor removes anything. */
    returns?: unknown
    /** As `returns`, for a body that the route checks itself. */
    takes?: unknown
  }
  interface FastifyContextConfig {
    access?: RouteAccess
    /**
     * The limit of `proxy.limits.calls_per_minute` for `public` and `page` routes. Default: `other`; for pages,
     * `pages`.
     */
    rate?: CallRate
    /**
     * For `public` routes that scripts of other sites call: every origin may call them, and cookies are removed from the
     * request. The route sends its own CORS headers.
     */
    anyOrigin?: boolean
    /**
     * What callers get who have the right for some things only. `asks`: the route itself asks with `mayRow` or `requireRow`. Absent: the
     * route refuses them.
     */
    rows?: RowAccess
    /** Only callers with every right may call it, because it decides who has which. */
    everyRight?: boolean
    /**
     * For `public` routes that only programs of the operator call, such as his proxies: whether this caller has proved to be one, by a
     * secret. `peer`: the address from which it calls. Its calls have no limit; all others are refused with 403 `caller_unknown`, and count
     * against their address.
     */
    knows?: (request: FastifyRequest, peer: string) => boolean
    /** `page`: an error is a page for every caller, because browsers come here although the path is below `/v1/`. */
    errors?: 'page'
    /** For a change that can end access: the response, an object, lists in `cut` the streams cut on all hubs. */
    cuts?: boolean
    /**
     * How long the route and its hooks may take to send, and how long a response that has begun may stand still, in milliseconds; 0
     * for any time, for long-lived responses. Then the hub responds 503 `handler_timeout` and logs the route. Default: 30 s.
     */
    deadlineMs?: number
  }
}

/** The hub's own names. */
export const publicNames = serviceRef<PublicNames>('publicNames')

/** Routes on the hub's own host. */
export const webRoutes = slotRef<WebRoutes>('webRoutes')
