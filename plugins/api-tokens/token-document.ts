import { ROLE_NAME, Type } from '@mezite/core'
import type { ApiToken } from './api-tokens.ts'

const LONGEST_TTL_SECONDS = 366 * 24 * 3_600
const Name = Type.String({
  pattern: '^[a-z0-9][a-z0-9._-]{0,62}$',
  must: 'small letters, digits, dots, hyphens and underscores, at most 63, the first a letter or a digit',
})
const time = Type.Nullable(Type.String())
const members = {
  id: Type.String(),
  name: Type.String(),
  roles: Type.Array(Type.String()),
  creator: Type.String(),
  created: time,
  expires: time,
  used_at: time,
}

/** An API token in the API. */
export const TokenDocument = Type.Object(members)
/** The only response with its secret. */
export const CreatedToken = Type.Object({ ...members, token: Type.String() })
/** The body of a request for a token. */
export const NewToken = Type.Closed({
  name: Name,
  roles: Type.Array(Type.String({ pattern: ROLE_NAME, must: 'the name of a role' }), {
    minItems: 1,
    maxItems: 200,
  }),
  ttl_seconds: Type.Optional(
    Type.Integer({ minimum: 60, maximum: LONGEST_TTL_SECONDS, must: 'a minute to 366 days, in seconds' }),
  ),
})

export const tokenDocument = ({ id, name, roles, creator, created, expires, usedAt }: ApiToken) => ({
  id,
  name,
  roles,
  agent_hostname: null,
  creator,
  created: timeOf(created),
  expires: timeOf(expires),
  used_at: usedAt === null ? null : timeOf(usedAt),
})

const timeOf = (ms: number): string => new Date(ms).toISOString()
