import type { Access, LockView } from '../../api/access.ts'
import type { Audit } from '../../api/audit.ts'
import type { Catalog } from '../../api/catalog.ts'
import type { Explanations } from '../../api/explanations.ts'
import type { Challenge, Reply } from '../../api/hub-hooks.ts'
import type { Pages } from '../../api/pages.ts'
import type { RequirementKind } from '../../api/requirement.ts'
import type { Revisions } from '../../api/revisions.ts'
import type { SecretBox } from '../../api/secret-box.ts'
import type { SessionLimits } from '../../api/session-limits.ts'
import type { Sessions } from '../../api/sessions.ts'
import type { SignInMethod } from '../../api/sign-in.ts'
import type { Users } from '../../api/users.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Log } from '../../kernel/log.ts'
import type { SignInRate } from './sign-in-rate.ts'

/** What the desk of sign-in needs from the hub. */
export interface SignInDeps {
  readonly secretBox: SecretBox
  readonly users: Users
  readonly sessions: Sessions
  readonly rate: SignInRate
  readonly access: Access
  readonly locks: LockView
  readonly requirements: ReadonlyMap<string, RequirementKind>
  readonly catalog: Catalog
  /** Called at each sign-in, because plugins, which provide the limits, are set up after the desk is created. */
  readonly sessionLimits: () => SessionLimits | undefined
  /** Null if no tap knows the requirement. */
  readonly challenge: (challenge: Challenge) => Promise<Reply | null>
  /** Called on each visit. */
  readonly methods: () => readonly SignInMethod[]
  readonly publicNames: PublicNames
  readonly audit: Audit
  readonly revisions: Pick<Revisions, 'fresh'>
  readonly pages: Pages
  /** For administrators, on the page about a denial. */
  readonly explain: Explanations['explain']
  readonly clock: Clock
  readonly log: Log
}
