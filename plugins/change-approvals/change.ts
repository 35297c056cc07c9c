import type { Subject, User } from '@mezite/core'
import type { AdminCall } from '@mezite/core/types'
import type { ChangeRow } from './migrations.ts'

/** What is stored encrypted of a change, because a document can contain secrets. */
export interface Kept {
  readonly conditions: AdminCall['conditions']
  readonly body: unknown
  /** The thing as it was; null: there was none. */
  readonly before: unknown
}

/** How a change ended, or that it waits. */
export const STATES = [
  ...(['pending', 'running', 'done', 'failed', 'unclear'] as const),
  ...(['outdated', 'denied', 'cancelled', 'expired', 'forced'] as const),
] as const
export type ChangeState = (typeof STATES)[number]

/** What is stored between the approval and the end; `running` is of an earlier version, which did not store `made`. */
export const BEGUN = ['started', 'made', 'running'] as const

/** The state at a time: nobody has to write that a change has expired. */
export function stateOf({ state, expires }: Pick<ChangeRow, 'state' | 'expires'>, now: number): ChangeState {
  if (state === 'started' || state === 'made') return 'running'
  return state === 'pending' && Number(expires) <= now ? 'expired' : (state as ChangeState)
}

/** Kinds whose changes are stored in transactions of their caller, and do nothing before: what was not stored was not made. */
const STORED: readonly string[] = [
  ...['api-token', 'app', 'app-client', 'app_source', 'authority', 'bot', 'client', 'connector'],
  ...['device', 'invitation', 'lock', 'proposal', 'role', 'token', 'user'],
]

/** Whether a change that was not stored was not made. Otherwise it may have been: sessions end, backups are written, messages sent. */
export const isStored = ({ right }: Pick<ChangeRow, 'right'>): boolean =>
  STORED.includes(right.slice(0, right.lastIndexOf('.')))

/** The event by which the end of a change is recorded. */
export const EVENTS = {
  done: 'change.done',
  failed: 'change.failed',
  unclear: 'change.unclear',
  outdated: 'change.outdated',
  denied: 'change.denied',
  cancelled: 'change.cancelled',
  expired: 'change.expired',
} as const satisfies Partial<Record<ChangeState, string>>

/** Fields of the audit events. */
export const fieldsOf = ({
  id,
  right,
  method,
  url,
  user_name,
}: Pick<ChangeRow, 'id' | 'right' | 'method' | 'url' | 'user_name'>) => ({
  change: id,
  right,
  method,
  path: url.split('?', 1)[0] ?? '',
  asked_by: user_name,
})

/** What the change is about, for people. */
export const titleOf = ({ right, thing_key: key }: Pick<ChangeRow, 'right' | 'thing_key'>): string =>
  key === null ? right : `${right} ${key}`

/** Whether a person who is signed in to the hub makes the call, not a program. */
export const isPerson = ({ kind }: Subject): boolean => kind === 'session'

type Asker = Pick<ChangeRow, 'user_key' | 'holder' | 'user_name'>

/** Whether the account is the one that asked, of the same person still. */
export const isBy = ({ user_key, holder }: Asker, account: User): boolean =>
  user_key === account.key && holder === account.holder

/** Whether both accounts may belong to one person: the same name, identity or address. */
export function isSamePerson(asker: Asker, profile: User['profile'], other: User): boolean {
  const address = profile?.email?.toLowerCase()
  return (
    asker.user_key === other.key ||
    (asker.holder !== null && asker.holder === other.holder) ||
    (address !== undefined && address === other.profile?.email?.toLowerCase()) ||
    // A name is often the address of the person.
    (address !== undefined && address === other.key) ||
    asker.user_key === other.profile?.email?.toLowerCase()
  )
}
