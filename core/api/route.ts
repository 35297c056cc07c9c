import type { Actor } from './audit-event.ts'
import type { CallRate } from './proxy-limits.ts'
import type { Subject } from './subject.ts'

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
