import { slotRef } from '../kernel/reference.ts'

/** An app that an agent proposes. The agent that proposes it is the one that would serve it. */
export interface ProposedApp {
  /** As in a document: small letters, digits and `-`, at most 63. */
  readonly name: string
  /** What the agent dials: `http://10.0.3.12:3000`. At most 512 visible ASCII characters. */
  readonly uri: string
  /** Name of its kind. Default: by the scheme of `uri`. */
  readonly protocol?: string
  /** At most 20. */
  readonly labels?: Readonly<Record<string, string>>
  /** At most 256 characters. */
  readonly description?: string
}

/** Knows apps beside the agent, for example those of containers or of files. */
export interface AppSource {
  /** Part of the lists of proposals and of log lines. */
  readonly name: string
  /**
   * Watches until `signal` aborts, and calls `propose` with all its apps: first as soon as it knows them, then after each
   * change. An app that is missing in a later call is withdrawn. A rejection is logged, and what was proposed stays.
   */
  watch(propose: (apps: readonly ProposedApp[]) => void, signal: AbortSignal): Promise<void> | void
}

/**
 * Sources of apps that an agent proposes to the hubs. A proposal opens nothing: a hub keeps it until an administrator accepts
 * it, or a rule of an administrator does, and drops what its rules do not allow this agent. The first 100 apps of an agent
 * count, in the order of the sources; an app that the wire could not carry is logged and left out.
 */
export const appSources = slotRef<AppSource>('appSources')

/** The apps that an agent proposes now, all of them. */
export interface AppsProposed {
  readonly hostname: string
  readonly apps: readonly ProposedApp[]
}
