/** Everything that is said about a reason code, which says why something was refused, failed or ended. */
export interface Reason {
  /** Status of HTTP of responses with the code. Without it, only records and logs have the code. */
  readonly status?: number
  /** Sessions and live streams end with it. */
  readonly ends?: true
  /** Heading of a page about it. Default: that of the status. */
  readonly title?: { readonly en: string; readonly de: string }
  /**
   * Says to a person what happened and what they can do, unless the place that refuses says it with names. `APP` stands for the
   * name of the app.
   */
  readonly en?: string
  /** The same on pages in German, also instead of a sentence with names. */
  readonly de?: string
  /** The sentence of msh, in small letters and without a full stop; `APP` stands for the name of the app. */
  readonly msh?: string
  /** Cause and next step for an operator, in Markdown. */
  readonly next: string
}

/** Reasons by their codes, in snake_case. */
export type Reasons = Readonly<Record<string, Reason>>

declare const formed: unique symbol

/** A code of a plugin or another program, whose form `isReasonCode` has checked. */
export type ForeignReason = string & { readonly [formed]: true }

/** Reason codes appear in responses, metric labels and audit events: at most 64 letters, digits and underscores. */
export const isReasonCode = (value: unknown): value is ForeignReason =>
  typeof value === 'string' && /^[a-z][a-z0-9_]{0,63}$/.test(value)
