import type { Access } from '../../api/access.ts'
import type { Audit } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Database } from '../../api/database.ts'
import type { Challenge, Reply } from '../../api/hub-hooks.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { SecretBox } from '../../api/secret-box.ts'
import type { SessionLimits } from '../../api/session-limits.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { SignInMethod } from '../../api/sign-in.ts'
import type { Users } from '../../api/users.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { Locks } from '../access/lock.ts'
import type { Activity } from '../cluster/activity.ts'
import type { Pages } from './pages/pages.ts'

/** What the sign-in desk works with. */
export interface SignInParts {
  readonly secretBox: SecretBox
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
  readonly revisions: Pick<Revisions, 'fresh'>
  readonly pages: Pages
  /** PEM bundle of the hub CA, handed to command lines that sign in. */
  readonly hubCa: () => string
  readonly clock: Clock
  readonly log: Log
}
