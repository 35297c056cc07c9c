import { serviceRef, slotRef } from '../kernel/reference.ts'

/** One problem that an operator should look at. */
export interface Attention {
  readonly kind:
    | 'agent'
    | 'app'
    | 'certificate'
    | 'audit'
    | 'clock'
    | 'database'
    | 'job'
    | 'runtime'
    | 'finding'
  /** Name of the agent, app, certificate, sink, job or hub, or the subject of a plugin's finding. */
  readonly subject: string
  readonly message: string
}

/** The list `attention` of `mezctl status`, as this hub sees the cluster now. */
export const attention = serviceRef<{ list(): readonly Attention[] }>('attention')

/** What a plugin has found that an operator should look at, such as a rule that lets everybody in. */
export interface Findings {
  /** Small letters, digits and hyphens; unique. */
  readonly name: string
  /**
   * The problems that exist now, read from memory: the hub asks once a minute and for each `mezctl status`. Operators are notified
   * of one that lasts, by its subject, which is short and stays the same. At most 100 are shown. An error is a finding itself.
   */
  list(): readonly Pick<Attention, 'subject' | 'message'>[]
}

/** What plugins add to the list `attention`, with the kind `finding`. */
export const findings = slotRef<Findings>('findings')
