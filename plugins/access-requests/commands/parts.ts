import { formatTime } from '@mezite/cli'
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
export const columns = [
  ['id', ({ id }: AccessRequest) => id],
  ['state', ({ state }: AccessRequest) => state],
  ['user', ({ user }: AccessRequest) => user],
  ['access to', targetOf],
  ['for', ({ duration_ms, granted_ms }: AccessRequest) => lasts(granted_ms ?? duration_ms)],
  ['until', ({ until }: AccessRequest) => formatTime(until)],
  ['reason', ({ reason }: AccessRequest) => reason],
] as const
