import { serviceRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Subject } from './subject.ts'

/** The person and the app that header lines are forwarded for. */
export interface ForwardContext {
  readonly subject: Subject
  readonly app: App
}

/** Header lines towards the app: name and value in turn. */
export type HeaderLines = readonly string[]

/**
 * Runs the taps of `http.forward` over the header lines that will go to the app, for the protocol that sends them (a
 * plugin cannot call hooks). Synchronous; returns the same array when no plugin taps; throws what a tap throws.
 */
export const forwardHeaders =
  serviceRef<(lines: HeaderLines, context: ForwardContext) => HeaderLines>('forwardHeaders')
