import type { HookCalls, HookTree } from '../kernel/hook.ts'
import { first, series, tells, votes, waterfall } from '../kernel/hook.ts'
import type { App } from './app.ts'
import type { AuditEvent } from './audit.ts'
import type { AccessQuery, Requirement, Vote } from './decision.ts'
import type { HttpRequest, HttpRequestContext, HttpResponse, HttpResponseContext } from './http-hooks.ts'
import { lifecycleHooks } from './lifecycle-hooks.ts'
import type { SessionEnded } from './sessions.ts'
import type { Subject } from './subject.ts'
import type { Link, TunnelChanged } from './tunnel.ts'
import type { NameRelease } from './users.ts'

/** A person in a browser has not met a requirement of an app. */
export interface Challenge {
  readonly requirement: Requirement
  readonly subject: Subject
  readonly app: App
  /** Opaque; hand it to `SignInDesk.meet` once the requirement is met. */
  readonly state: string
}

/** Where a challenge sends the browser. */
export interface Reply {
  readonly location: string
}

/** All hooks of the hub. */
export const hubHooks = {
  lifecycle: lifecycleHooks,
  access: {
    /** May the subject reach the app? Every tap votes; one denial denies, and no allowance denies. */
    decide: votes<AccessQuery, Vote>(),
    /** Returns where a browser meets a requirement. `null`: not mine; without any tap that knows it, access is denied. */
    challenge: first<Challenge, Reply>({ deadlineMs: 10_000 }),
  },
  user: {
    /** A name is taken from its holder: remove credentials that rest on it, in the same transaction. */
    released: series<NameRelease>({ deadlineMs: 5_000 }),
  },
  session: {
    /** A session is over; its live streams are being cut. */
    ended: tells<SessionEnded>(),
  },
  tunnel: {
    /** A link to an agent came or went. */
    changed: tells<TunnelChanged>(),
    /** Reorder or drop the links that could serve the app. */
    route: waterfall<readonly Link[], App>(),
  },
  http: {
    /** Change or refuse an admitted request before it is sent to the app. Synchronous; skipped when nobody taps. */
    request: waterfall<HttpRequest, HttpRequestContext>(),
    /** Change the head of an app's final response. Synchronous; skipped when nobody taps, and for WebSockets. */
    response: waterfall<HttpResponse, HttpResponseContext>(),
  },
  audit: {
    /** Enrich or redact an event. An event cannot be dropped; `id`, `type` and `time` cannot change. */
    event: waterfall<AuditEvent, void>(),
  },
} as const satisfies HookTree

/** The type of `hubHooks`. */
export type HubHooks = typeof hubHooks
/** What the rooms call: each hook as a function. */
export type HubCalls = HookCalls<HubHooks>
