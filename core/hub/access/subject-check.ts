import type { SatisfiedRequirement, Subject } from '../../api/subject.ts'
import { MezError } from '../../kernel/error.ts'
import { ROLE_NAME } from '../users/role-name.ts'
import { parseUserName } from '../users/user-name.ts'

const ROLE = new RegExp(ROLE_NAME)
const MOST = 200
const LONGEST = 256
/** The operator comes through the admin socket and from nowhere else. */
const KINDS: readonly unknown[] = ['session', 'certificate', 'token'] satisfies Subject['kind'][]

export const isRoleName = (value: unknown): value is string => typeof value === 'string' && ROLE.test(value)

/**
 * What a plugin's tap of `access.identify` gave, copied and frozen. Throws `MEZ_HOOK_FAILED` for what is
 * no subject: a wrong type can pass for more roles than it has (`'no-admin'.includes('admin')`).
 */
export function checkSubject(given: unknown): Subject {
  const { user, roles, kind, sessionId = null, satisfied = [] } = Object(given) as Record<string, unknown>
  if (typeof user !== 'string' || parseUserName(user)?.name !== user) throw wrong('user is no user name')
  if (!Array.isArray(roles) || roles.length > MOST || !roles.every(isRoleName))
    throw wrong('roles is no list of role names')
  if (!KINDS.includes(kind)) throw wrong('kind is not session, certificate or token')
  if (sessionId !== null && !isText(sessionId)) throw wrong('sessionId is no text')
  if (!Array.isArray(satisfied) || satisfied.length > MOST || !satisfied.every(isSatisfied))
    throw wrong('satisfied is no list of requirements')
  return Object.freeze({
    user,
    roles: Object.freeze([...roles]),
    kind: kind as Subject['kind'],
    sessionId,
    satisfied: Object.freeze(satisfied.map((one) => Object.freeze({ ...one }))),
  })
}

function isSatisfied(given: unknown): given is SatisfiedRequirement {
  const { name, level, appId, at } = Object(given) as Record<string, unknown>
  return isText(name) && isText(level) && (appId === null || isText(appId)) && Number.isFinite(at)
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= LONGEST

const wrong = (what: string) =>
  new MezError('MEZ_HOOK_FAILED', `a plugin's answer to access.identify is refused: ${what}`)
