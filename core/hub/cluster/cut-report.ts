/** The live streams that a change ended, on all hubs. */
export interface CutReport {
  /** Live streams that were cut. */
  readonly streams: number
  /** Hubs that have reported; live hubs that did not report in time are counted in `unconfirmed`. */
  readonly hubs: number
  readonly unconfirmed: number
  /** From the start of the change until the last of these hubs had cut its streams. */
  readonly ms: number
}

/** Collects from all hubs which streams a change ended. */
export interface CutReports {
  /**
   * Call it before the change, and the function that it returns after the change: that one resolves once every live hub
   * has re-checked its live streams, or after 2 s. Null when nothing was changed in between. The report includes
   * changes that others made in the meantime.
   */
  begin(): () => Promise<CutReport | null>
}
