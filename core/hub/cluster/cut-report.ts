/** What a change has ended, everywhere. */
export interface CutReport {
  /** Live streams that were cut. */
  readonly streams: number
  /** Hubs that have said so; one that lives and has not answered in time is in `unconfirmed`. */
  readonly hubs: number
  readonly unconfirmed: number
  /** From the begin of the change until the last of these hubs had cut. */
  readonly ms: number
}

/** Asks all hubs what a change has ended. */
export interface CutReports {
  /**
   * Call it before the change; what it returns, after: that resolves once every live hub has re-checked its live
   * streams, or after 2 s. Null when nothing was changed in between. Changes of others in the same moment count in.
   */
  begin(): () => Promise<CutReport | null>
}
