import { type Actor, ROLE_NAME, resourceRoutes, Type, type WebRoutes } from '@mezite/core'
import { PageQuery } from '@mezite/core/administration'
import { parseUserName } from '@mezite/core/identity'
import type { Deps } from './deps.ts'
import { invitationUrl } from './invitation-page.ts'
import { invitationNotFound } from './invitations.ts'
import { INVITATION_STATES, labelsOf, rolesOf } from './inviters.ts'
import type { InvitationRow } from './migrations.ts'
import { problemFor } from './reasons.ts'

const DAY_S = 86_400
const DEFAULT_S = 3 * DAY_S

const listed = {
  id: Type.String(),
  name: Type.String({ description: 'The name that the person will have' }),
  roles: Type.Array(Type.String()),
  inviter: Type.String(),
  created: Type.String(),
  expires: Type.String(),
  state: Type.String({ description: INVITATION_STATES.join(', ') }),
}
const Listed = Type.Object(listed)
const Body = Type.Closed({
  name: Type.String({ maxLength: 4_096 }),
  roles: Type.Array(Type.String({ pattern: ROLE_NAME, must: 'the name of a role' }), {
    minItems: 1,
    maxItems: 50,
  }),
  ttl_seconds: Type.Optional(
    Type.Integer({
      minimum: 300,
      maximum: 30 * DAY_S,
      description: 'How long the link works. Default: 259200',
    }),
  ),
})
const Made = Type.Object({ ...listed, link: Type.String({ description: 'Shown only here' }) })

/** `/v1/webapi/invitations`: people without an account are invited, and bind a passkey by themselves. */
export function invitationRoutes(deps: Deps): WebRoutes {
  const { invitations, inviters, users, publicNames } = deps

  const show = (row: InvitationRow) => ({
    ...{ id: row.id, name: row.name, roles: rolesOf(row), inviter: row.inviter },
    created: new Date(row.created).toISOString(),
    expires: new Date(row.expires).toISOString(),
    state: inviters.stateOf(row),
  })

  /** The account of who invites. It is asked again when the link is used, so it must be there then. */
  function inviterOf({ subject }: Actor): Pick<InvitationRow, 'inviter_key' | 'inviter_holder'> {
    if (subject.kind === 'operator') return { inviter_key: null, inviter_holder: null }
    const user = users.byName(subject.user)
    if (user === undefined) throw problemFor('inviter_not_person')
    return { inviter_key: user.key, inviter_holder: user.holder }
  }

  return resourceRoutes<InvitationRow>(
    {
      ...{ name: 'invitation', collection: 'invitations', key: 'id', form: { flat: Listed }, show },
      order: ({ created, id }) => `${new Date(created).toISOString()} ${id}`,
      newestFirst: true,
      search: (row) => [
        ...[row.name, row.inviter, row.id, `state:${inviters.stateOf(row)}`],
        ...rolesOf(row).map((role) => `role:${role}`),
      ],
      sorts: { name: ({ name }) => name, expires: ({ expires }) => expires },
      labels: { of: labelsOf, at: () => undefined },
      list: {
        summary: 'Invitations that nobody has used yet, with whether they work',
        query: PageQuery,
        rows: () => invitations.list(),
      },
    },
    (on) => {
      const create = {
        access: 'invitation.create',
        rows: 'asks',
        summary: 'Invite a person: makes a link that works once',
        body: Body,
        returns: Made,
      } as const
      on('POST /', create, async (_, call) => {
        const { body, actor } = call
        const parsed = parseUserName(body.name)
        if (!parsed) throw problemFor('user_name_invalid')
        const { name, key } = parsed
        const roles = [...new Set(body.roles)].sort()
        const unknown = roles.filter((role) => !inviters.roleExists(role))
        const inviter = actor.subject.user
        for (const labels of labelsOf({ name, inviter, roles: JSON.stringify(roles) }))
          call.requireRow(labels)
        if (unknown.length > 0)
          throw problemFor(
            'invited_role_unknown',
            `There is no role ${unknown.join(', ')}; \`mezctl roles ls\` lists them.`,
          )
        const ttlMs = (body.ttl_seconds ?? DEFAULT_S) * 1_000
        const given = { name, user_key: key, roles, ttlMs, ...inviterOf(actor) }
        const { row, token } = await invitations.issue(given, actor, () => {
          if (users.byName(name)) throw problemFor('user_exists', `The user ${name} already exists.`)
          actor.mayGive?.({ roles })
        })
        return { ...show(row), link: invitationUrl(publicNames.signInOrigin, token) }
      })

      const remove = {
        access: 'invitation.delete',
        rows: 'asks',
        summary: 'Remove an invitation: its link does not work any more',
      } as const
      on('DELETE /:id', remove, async (id, { actor, mayRow, requireRow }) => {
        const row = /^[0-9a-f-]{36}$/.test(id) ? await invitations.byId(id) : undefined
        if (row === undefined || (mayRow && !labelsOf(row).every(mayRow))) throw invitationNotFound(id)
        for (const labels of labelsOf(row)) requireRow(labels)
        await invitations.remove(row, actor)
        return { id, removed: true }
      })
    },
  )
}
