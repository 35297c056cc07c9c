import { serviceRef } from '../kernel/reference.ts'

/** One problem that an operator should look at. */
export interface Attention {
  readonly kind: 'agent' | 'app' | 'certificate' | 'audit' | 'clock' | 'database' | 'job' | 'runtime'
  /** Name of the agent, app, certificate, sink, job or hub. */
  readonly subject: string
  readonly message: string
}

/** The list `attention` of `mezctl status`, as this hub sees the cluster now. */
export const attention = serviceRef<{ list(): readonly Attention[] }>('attention')
