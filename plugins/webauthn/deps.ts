import type {
  Audit,
  Catalog,
  Clock,
  Log,
  PublicNames,
  Revisions,
  Sessions,
  SignInDesk,
  User,
  Users,
} from '@mezite/core'
import type { Administration } from '@mezite/core/administration'
import type { RateLimit } from '@mezite/core/protocol'
import type { Language, Statements } from '@mezite/core/types'
import type { Ceremonies } from './ceremonies.ts'
import type { Links } from './enrolment-links.ts'
import type { HardwareKeys } from './hardware-keys.ts'
import type { Invitations } from './invitations.ts'
import type { Inviters } from './inviters.ts'
import type { createPages } from './pages.ts'
import type { Keys } from './passkeys.ts'
import type { Party } from './response-verification.ts'

/** The services and parts that the routes of the plugin use. */
export interface Deps {
  readonly ceremonies: Ceremonies
  readonly keys: Keys
  readonly links: Links
  readonly invitations: Invitations
  readonly inviters: Inviters
  readonly administration: Pick<Administration, 'users'>
  readonly hardware: HardwareKeys
  readonly firstKey: 'self' | 'admin'
  readonly party: Party
  readonly pages: ReturnType<typeof createPages>
  readonly languageOf: (request: Pick<Request, 'headers'>) => Language
  readonly statements: readonly Statements[]
  readonly rates: RateLimit
  readonly users: Users
  readonly sessions: Sessions
  readonly catalog: Pick<Catalog, 'byHost' | 'byName'>
  readonly desk: SignInDesk
  readonly revisions: Pick<Revisions, 'fresh'>
  readonly audit: Pick<Audit, 'record'>
  readonly publicNames: PublicNames
  readonly clock: Clock
  readonly log: Log
}

export type Request = Parameters<SignInDesk['complete']>[0]
export type Reply = Parameters<SignInDesk['complete']>[1]

/** Issuer of people without an identity provider, who sign in with a passkey. */
export const LOCAL_ISSUER = 'mezite:local'
/** The connector name of a sign-in by passkey. */
export const PASSKEY = 'passkey'

/** Whose a passkey is, or will be. */
export type KeyOwner = Pick<User, 'name' | 'key' | 'holder' | 'identity'>

export const isLocal = ({ identity }: Pick<User, 'identity'>): boolean => identity?.issuer === LOCAL_ISSUER

/** Confirms the name of a person without a provider: its owner may have lost it meanwhile, and a passkey must not assign it again. */
export function confirmLocal({ users }: Deps, { name, identity }: User): Promise<User> {
  const { issuer, sub } = identity ?? { issuer: '', sub: '' }
  return users.confirm({ name, issuer, sub, connector: PASSKEY, mappedRoles: [] })
}
