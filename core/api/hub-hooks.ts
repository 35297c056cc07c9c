import { first, type HookCalls, type HookTree, series, tells, votes, waterfall } from '../kernel/hook.ts'
import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { AppsProposed } from './app-sources.ts'
import type { AuditEvent } from './audit.ts'
import type { AccessQuery, Vote } from './decision.ts'
import type { HttpRequest, HttpRequestContext, HttpResponse, HttpResponseContext } from './http-hooks.ts'
import { lifecycleHooks } from './lifecycle-hooks.ts'
import type { Requirement } from './requirement.ts'
import type { SessionEnded } from './sessions.ts'
import type { Subject } from './subject.ts'
import type { Link, TunnelChanged } from './tunnel.ts'
import type { NameRelease } from './users.ts'

/** A requirement of an app that a person in a browser has not met. */
export interface Challenge {
  readonly requirement: Requirement
  readonly subject: Subject
  readonly app: App
  /** Opaque; pass it to `SignInDesk.meet` once the requirement is met. */
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
    /** Decides whether the subject may reach the app. Every tap votes; access needs an `allow` and no `deny`. */
    decide: votes<AccessQuery, Vote>(),
    /**
     * Returns where a browser meets a requirement, or `null` for an unknown one. Access is denied if no tap knows it.
     */
    challenge: first<Challenge, Reply>({ deadlineMs: 10_000 }),
  },
  user: {
    /** A name is taken from its holder: remove the credentials that depend on it in the same transaction. */
    released: series<NameRelease>({ deadlineMs: 5_000 }),
  },
  session: {
    /** A session is over; its live streams are being cut. */
    ended: tells<SessionEnded>(),
  },
  tunnel: {
    /** A link to an agent came up or went down. */
    changed: tells<TunnelChanged>(),
    /** An agent proposes apps: at first and after each change, all of them. See `appSources`. */
    proposed: tells<AppsProposed>(),
    /** Reorder or drop the links that could serve the app. */
    route: waterfall<readonly Link[], App>(),
  },
  http: {
    /**
     * Change or reject an admitted request before it is sent to the app. Synchronous; skipped when there are no taps.
     */
    request: waterfall<HttpRequest, HttpRequestContext>(),
    /** Change the head of an app's final response. Synchronous; skipped without taps and for WebSockets. */
    response: waterfall<HttpResponse, HttpResponseContext>(),
  },
  audit: {
    /** Enrich or redact an event. An event cannot be dropped; `id`, `type` and `time` cannot change. */
    event: waterfall<AuditEvent, void>(),
    /**
     * An event was recorded, as sinks get it: for plugins that only observe. It cannot be changed. An event of a change follows
     * when the change has committed. Called for each request, so a tap must be quick and must not wait.
     */
    recorded: tells<AuditEvent>(),
  },
} as const satisfies HookTree

/** The type of `hubHooks`. */
export type HubHooks = typeof hubHooks

/** Calls the taps of `http.request` and `http.response`. */
export type HttpHooks = HookCalls<HubHooks>['http']

/**
 * The calls of both hooks, for the protocol that carries the messages, because a plugin cannot call hooks. A call throws
 * the error of a tap and returns the last tap's result unchecked; `empty` is true if there are no taps.
 */
export const httpHooks = serviceRef<HttpHooks>('httpHooks')
