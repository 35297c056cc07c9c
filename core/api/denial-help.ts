import { slotRef } from '../kernel/reference.ts'
import type { App } from './app.ts'
import type { Language, Markup } from './pages.ts'
import type { Subject } from './subject.ts'

/**
 * What a plugin offers to a person whom no policy lets into an app (`role_missing` or `label_mismatch`), such as a form that
 * asks for access. Nothing is offered to somebody whom a policy or a lock denies.
 */
export interface DenialHelp {
  /** Small letters, digits and hyphens; unique. */
  readonly name: string
  /**
   * What to offer; null for nothing. Synchronous, because it runs before the response: read from memory. An error is
   * logged, and nothing is offered.
   */
  helpFor(denial: DeniedAccess): Help | null
  /**
   * Apps that the home page offers the person to ask for; those that the person may open already are left out. Synchronous,
   * like `helpFor`.
   */
  offersTo?(subject: Subject): readonly OfferedApp[]
}

/** An app on the home page that the person may ask for. */
export interface OfferedApp {
  readonly app: App
  /** A page of the sign-in host: a path. */
  readonly path: string
}

/** Somebody whom no policy lets into an app. */
export interface DeniedAccess {
  readonly subject: Subject
  readonly app: App
  /** The reason code. */
  readonly reason: string
  /** What the person wanted to open: an address of the app. */
  readonly url: string
  /** The language of the person's pages. */
  readonly language: Language
}

/** An offer on the page and in the problem document of a denial. */
export interface Help {
  /** The heading, and the text of the link. */
  readonly title: string
  /** One or two sentences. */
  readonly text: string
  /** A page of the sign-in host where the person goes on: a path. */
  readonly path?: string
  /** A reason code that the page and the problem document show instead of the denial's, in snake_case. */
  readonly reason?: string
  /**
   * Markup, such as a form that posts to a route of the plugin on the sign-in host. Shown on that host's page about the
   * denial, to which the page on the app's host links.
   */
  readonly body?: Markup
}

/** What plugins offer to people whom no policy lets in. */
export const denialHelp = slotRef<DenialHelp>('denialHelp')
