import { Problem, type User, type WebRoutes } from '@mezite/core'
import { holderOf } from '@mezite/core/identity'
import { addressKey } from '@mezite/core/protocol'
import { call, countResponse, KeyName, page, proof, requireOwnPage, sentHome, text } from './challenge.ts'
import { confirmLocal, type Deps, type KeyOwner, LOCAL_ISSUER, PASSKEY, type Request } from './deps.ts'
import { invitationRefused, rolesOf } from './inviters.ts'
import type { InvitationRow } from './migrations.ts'
import { askNewKey, takeNewKey } from './registration-challenge.ts'

const TOKEN = /^[A-Za-z0-9_-]{43}$/
const PATH = '/web/invitation'

/** The token is in the fragment, which no server and no `Referer` sees. */
export const invitationUrl = (signInOrigin: string, token: string): string =>
  `${signInOrigin}${PATH}#${token}`

/**
 * The page of an invitation. Opening it uses nothing up: only the call that stores the passkey does, in the change that makes the
 * account, so there is never an account that somebody else could still take.
 */
export function invitationPage(deps: Deps): WebRoutes {
  const { invitations, inviters, keys, users, desk, pages } = deps

  /** The invitation of the token, if it works now. Throws `Problem`. */
  async function open(request: Request, token: string): Promise<InvitationRow> {
    requireOwnPage(deps, request)
    countResponse(deps, `invitation ${addressKey(request.clientIp)}`)
    const row = TOKEN.test(token) ? await invitations.find(token) : undefined
    if (row === undefined || inviters.stateOf(row) !== 'open') throw invitationRefused()
    return row
  }

  return {
    name: 'webauthn-invitation',
    prefix: PATH,
    async routes(web) {
      web.get('/', page, async (request, reply) => {
        if (sentHome(deps, request, reply)) return reply
        return reply.page(pages(request).invitation())
      })

      call(web, '/look', { token: text }, async (request) => {
        const { name, expires } = await open(request, request.body.token)
        return { user: name, expires: new Date(expires).toISOString(), sign_in: false }
      })

      call(web, '/begin', { token: text }, async (request) => {
        const row = await open(request, request.body.token)
        return { ...(await askNewKey(deps, bindingOf(row), ownerOf(row))), user: row.name }
      })

      call(web, '/finish', { token: text, ...proof, name: KeyName }, async (request, reply) => {
        const { token, name, ...given } = request.body
        const row = await open(request, token)
        const key = await takeNewKey(deps, { ...given, binding: bindingOf(row) })
        const user = await accept(row, request, { ...key, name })
        const known = await confirmLocal(deps, user)
        const state = desk.seal({ appHost: null, path: '/', nonceHash: null })
        return desk.complete(request, reply, { user: known, connector: PASSKEY, method: 'webauthn', state })
      })
    },
  }

  /** Makes the account with its passkey in one change, as the inviter, and spends the invitation in it. */
  async function accept(
    row: InvitationRow,
    request: Request,
    key: Parameters<typeof keys.addIn>[2]['key'],
  ): Promise<User> {
    const owner = ownerOf(row)
    const who = { user: row.name, clientIp: request.clientIp, sessionId: null, requestId: request.id }
    try {
      return await deps.administration.users.create(
        row.name,
        rolesOf(row),
        inviters.actorOf(row, request.id),
        {
          ...{ issuer: LOCAL_ISSUER, sub: row.sub, connector: PASSKEY },
          async within(change) {
            if (!(await invitations.spend(change.trx, row.id))) throw invitationRefused()
            change.change.touch('invitation', row.id)
            await change.change.audit({ ...invitations.event('invitation.used', row), ...who })
            await keys.addIn(change, owner, { key, who, via: 'invitation' })
          },
        },
      )
    } catch (error) {
      // Somebody with this name has come meanwhile, which is not for the guest to know.
      if (error instanceof Problem && error.code === 'user_exists') throw invitationRefused()
      throw error
    }
  }

  /** Whose passkey it will be. */
  function ownerOf({ name, sub }: InvitationRow): KeyOwner {
    const identity = { issuer: LOCAL_ISSUER, sub }
    return { name, key: users.keyOf(name), identity, holder: holderOf(identity) }
  }
}

const bindingOf = ({ id, user_key }: InvitationRow) =>
  ({ purpose: 'enrol', session: id, user: user_key, link: id }) as const
