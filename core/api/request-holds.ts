import { slotRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { HeaderLines } from './http-hooks.ts'
import type { Requirement } from './requirement.ts'
import type { SatisfiedRequirement, Subject } from './subject.ts'

/**
 * Meets a requirement with `perRequest`: the hub keeps the whole request until the entry has decided, asks the gate again, and then forwards
 * exactly these bytes, once. A WebSocket cannot be held, and is refused.
 */
export interface RequestHold {
  /** The name of the requirement. */
  readonly requirement: string
  /** What one hub holds at once: bytes of a body, requests of one person and of all. A request beyond that is refused. */
  readonly limits: { readonly bodyBytes: number; readonly perPerson: number; readonly total: number }
  /** How long a request is held at most, in milliseconds. */
  readonly withinMs: number
  /** Called with each request, once its body has been read. Null: nobody can meet the requirement, so the request is refused. */
  hold(request: HeldRequest): Promise<Hold | null>
}

/** A request that waits. Texts are those of its sender. */
export interface HeldRequest {
  readonly requirement: Requirement
  readonly app: App
  readonly subject: Subject
  readonly method: string
  /** Path and query, as received. */
  readonly target: string
  readonly contentType: string | null
  /** The digest is hexadecimal. */
  readonly body: { readonly bytes: number; readonly sha256: string }
  readonly clientIp: string
  readonly requestId: string
  /** URL where the person's browser goes on after the decision; null: a program waits for it, and the person is elsewhere. */
  readonly returnTo: string | null
}

/** What an entry says about a request that it holds. */
export interface Hold {
  /** Path of the page on the sign-in host where the person decides. */
  readonly path: string
  /** Resolves to null once the requirement is met, and to a reason code if it will not be. */
  readonly decided: Promise<string | null>
  /**
   * Called at most once, right before the gate is asked again: the entry that meets the requirement, by this very object, and header lines for the
   * app, which may be those that only the hub sets. A reason code refuses the request.
   */
  release(): Promise<{ readonly met: SatisfiedRequirement; readonly lines: HeaderLines } | string>
  /** The request is over, released or not. */
  end(): void
}

/** What meets requirements of single requests. */
export const requestHolds = slotRef<RequestHold>('requestHolds')
