import type { Column } from '@mezite/cli'
import * as Args from '@oclif/core/args'

/** A request as the hub shows it. */
export interface AccessRequest {
  readonly id: string
  readonly state: string
  readonly user: string
  readonly role: string
  readonly app: string | null
  readonly reason: string
  readonly duration_ms: number
  /** Null: no access was given. */
  readonly granted_ms: number | null
  readonly until: string | null
}

export const id = { id: Args.string({ required: true, description: 'Id of the request' }) }
const lasts = (ms: number): string => {
  const minutes = Math.round(ms / 60_000)
  if (minutes % 1_440 === 0) return `${minutes / 1_440}d`
  return minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`
}
export const targetOf = ({ app, role }: AccessRequest) => app ?? `role ${role}`
export const columns: readonly Column<AccessRequest>[] = [
  ['id', ({ id }) => id],
  ['state', ({ state }) => state],
  ['user', ({ user }) => user],
  ['access to', targetOf],
  ['for', ({ duration_ms, granted_ms }) => lasts(granted_ms ?? duration_ms)],
  ['until', ({ until }) => until, 'deadline'],
  ['reason', ({ reason }) => reason],
]
export const states = Object.fromEntries(
  ['pending', 'approved', 'denied', 'cancelled', 'expired', 'revoked', 'ended'].map((state) => [
    state,
    (request: AccessRequest) => request.state === state,
  ]),
)
