import type { Clock } from '../../../kernel/clock.ts'
import type { Log } from '../../../kernel/log.ts'
import type { Access, Users } from '../../access/access.ts'
import type { Locks } from '../../access/lock.ts'
import type { Audit } from '../../audit/audit.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Changes } from '../../database/changes.ts'
import type { Database } from '../../database/database.ts'
import type { Challenge, Reply } from '../../hooks.ts'
import type { Activity } from '../../hubs/activity.ts'
import type { Vault } from '../../keys/vault.ts'
import type { SessionLimits } from '../../sessions/session-limits.ts'
import type { Sessions } from '../../sessions/sessions.ts'
import type { Pages } from '../pages/create-pages.ts'
import type { SignInMethod } from '../sign-in-method.ts'
import type { PublicNames } from '../web-routes.ts'

/** What the sign-in desk works with. */
export interface SignInParts {
  readonly vault: Vault
  readonly database: Database
  readonly users: Users
  readonly sessions: Sessions
  readonly activity: Activity
  readonly access: Access
  readonly locks: Pick<Locks, 'lockFor'>
  readonly catalog: Catalog
  /** Asked at each sign-in: a plugin provides them, and plugins are set up after this room is made. */
  readonly sessionLimits: () => SessionLimits | undefined
  /** Null: nobody answers. */
  readonly challenge: (challenge: Challenge) => Promise<Reply | null>
  /** Asked anew on each visit. */
  readonly methods: () => readonly SignInMethod[]
  readonly publicNames: PublicNames
  readonly audit: Audit
  readonly changes: Pick<Changes, 'fresh'>
  readonly pages: Pages
  /** PEM bundle of the hub CA, handed to command lines that sign in. */
  readonly hubCa: () => string
  readonly clock: Clock
  readonly log: Log
}
