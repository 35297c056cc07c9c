import { randomUUID } from 'node:crypto'
import { apiRoutes, isMezError, type RunningChange, Type, type User, type WebRoutes } from '@mezite/core'
import { type Deps, isLocal, LOCAL_ISSUER, PASSKEY, type Request } from './deps.ts'
import { enrolUrl } from './enrol-routes.ts'
import { problemFor } from './reasons.ts'

const IssueBody = Type.Closed({
  type: Type.OneOf(['webauthn']),
  /** The person signs in with the passkey, and the name does not belong to a person of a provider. */
  sign_in: Type.Optional(Type.Boolean()),
  ttl_seconds: Type.Optional(
    Type.Integer({ minimum: 60, maximum: 3_600, description: 'How long the link works. Default: 900' }),
  ),
})
const Text = Type.Nullable(Type.String())
const IssuedLink = Type.Object({
  id: Type.String(),
  link: Type.String(),
  expires: Type.String(),
  needs_sign_in: Type.Boolean({ description: 'The person must be signed in as themselves to use it' }),
})
const Listed = Type.Object({
  id: Type.String(),
  kind: Type.Union([Type.Literal('key'), Type.Literal('link')]),
  type: Type.String(),
  name: Text,
  level: Text,
  synced: Type.Nullable(Type.Boolean()),
  aaguid: Text,
  created: Text,
  last_used: Text,
  expires: Text,
})
const issue = { access: 'passkey.create', body: IssueBody, returns: IssuedLink } as const
const list = {
  access: 'passkey.list',
  summary: 'Passkeys and open enrolment links of a user',
  returns: Type.Array(Listed),
} as const
const Which = Type.Closed({ id: Type.Optional(Type.String({ maxLength: 1_400 })) })

/** `/v1/webapi/users/:name/mfa`: enrolment links, and the passkeys that an administrator lists and removes. */
export function adminRoutes(deps: Deps): WebRoutes {
  const { users, keys, links, inviters, hardware, sessions, publicNames } = deps

  const known = (name: string): User => {
    const user = users.byName(name)
    if (user) return user
    throw problemFor('user_not_found', `There is no user ${name}; \`mezctl users ls\` lists them.`)
  }

  /** Assigns the name to a person without a provider, as a first sign-in does for a person of a provider. */
  async function makeLocal(user: User): Promise<User> {
    if (isLocal(user)) return user
    if (user.identity !== null) {
      throw problemFor(
        'user_has_provider',
        `${user.name} signs in through ${user.connector ?? 'a provider'}.`,
      )
    }
    try {
      const { name } = user
      return await users.claim({
        name,
        issuer: LOCAL_ISSUER,
        sub: randomUUID(),
        connector: PASSKEY,
        mappedRoles: [],
      })
    } catch (error) {
      if (!isMezError(error, 'MEZ_USER_NAME_TAKEN')) throw error
      throw problemFor('user_has_provider', `${user.name} has just signed in through a provider.`)
    }
  }

  return apiRoutes('users', (on) => {
    on('POST /:name/mfa', issue, async (name, { body, actor }, reply) => {
      const found = known(name)
      const maker = inviters.linkMaker(actor, found)
      const user = body.sign_in === true ? await makeLocal(found) : found
      const ttlMs = body.ttl_seconds === undefined ? undefined : body.ttl_seconds * 1_000
      const { id, token, expires } = await links.issue(user, maker, actor, ttlMs)
      reply.code(201)
      const link = enrolUrl(publicNames.signInOrigin, token)
      return { id, link, expires: new Date(expires).toISOString(), needs_sign_in: !isLocal(user) }
    })

    on('GET /:name/mfa', list, async (name) => {
      const user = known(name)
      const [held, open] = await Promise.all([keys.of(user), links.of(user)])
      return [
        ...held.map((key) => ({
          ...{ id: key.id, kind: 'key', type: 'webauthn', name: key.name },
          level: hardware.qualifies(key) ? 'hardware_key' : 'webauthn',
          synced: key.backup_eligible !== 0,
          aaguid: key.aaguid,
          created: time(key.created),
          last_used: time(key.last_used),
          expires: null,
        })),
        ...open.map((link) => ({
          ...{ id: link.id, kind: 'link', type: 'webauthn', name: null, level: null, synced: null },
          ...{ aaguid: null, created: time(link.created), last_used: null, expires: time(link.expires) },
        })),
      ]
    })

    const reset = { access: 'passkey.delete', cuts: true, querystring: Which } as const
    on('DELETE /:name/mfa', reset, async (name, request) => {
      const user = known(name)
      const { actor, query } = request
      actor.mayGive?.({ user: user.name })
      const { id = null } = query
      // Links first, or a link could add a passkey right after the reset.
      const revoked = await links.revoke(user, id, actor)
      const { gone, ended } = await keys.reset(user, id, actor, (within) =>
        endSessions(user, request, within),
      )
      if (id !== null && gone + revoked === 0) {
        throw problemFor('key_unknown', `${user.name} does not have a passkey or link ${id}.`)
      }
      return { name: user.name, keys: gone, links: revoked, cut: { sessions: ended } }
    })
  })

  /** Ends the sessions that were opened with a passkey that is no longer trusted. */
  async function endSessions(
    user: User,
    { subject }: Pick<Request, 'subject'>,
    within: RunningChange,
  ): Promise<number> {
    const ids = (await sessions.listIn(within.trx, { user: user.name })).map(({ id }) => id)
    return sessions.end(ids, 'revoked', subject, within)
  }
}

const time = (at: number | null) => (at === null ? null : new Date(at).toISOString())
