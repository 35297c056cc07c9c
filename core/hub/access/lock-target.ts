import { isHostname } from '../../wire/tunnel-protocol.ts'
import { DNS_LABEL } from '../config/address.ts'
import { isRoleName } from '../users/role-name.ts'
import { foldName, parseUserName } from '../users/user-name.ts'
import type { LockKind } from './lock.ts'

/** The user name of an API token. */
const API_TOKEN = /^token:[a-z0-9][a-z0-9._-]{0,62}$/
const APP_NAME = new RegExp(`^${DNS_LABEL}$`)

/** The valid names of each kind; a lock with any other target would have no effect. Sessions have ids. */
const NAMES: Readonly<Record<LockKind, { readonly fits: (name: string) => boolean; readonly must: string }>> =
  {
    user: {
      fits: (name) => parseUserName(name) !== null || API_TOKEN.test(foldName(name)),
      must: 'the name of a user, or token: and the name of an API token',
    },
    role: {
      fits: isRoleName,
      must: 'the name of a role: small letters, digits, dots, hyphens and underscores',
    },
    session: { fits: () => true, must: 'the id of a session' },
    app: {
      fits: (name) => APP_NAME.test(name),
      must: 'the name of an app: small letters, digits and hyphens',
    },
    agent: { fits: (name) => isHostname(name.toLowerCase()), must: 'the host name of an agent' },
  }

/** Why the name is not valid, to be appended to the name of the kind; null: it is valid. */
export function lockTargetFault(kind: LockKind, target: string): string | null {
  const { fits, must } = NAMES[kind]
  return fits(target) ? null : `must be ${must}`
}
