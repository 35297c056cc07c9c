import { randomBytes } from 'node:crypto'
import { Problem, type User, type WebRoutes } from '@mezite/core'
import { readCookie } from '@mezite/core/identity'
import { addressKey } from '@mezite/core/protocol'
import type { Binding } from './ceremonies.ts'
import {
  askAssertion,
  call,
  countResponse,
  page,
  proof,
  requireOwnPage,
  sentHome,
  sha256,
  takeAssertion,
  text,
} from './challenge.ts'
import { confirmLocal, type Deps, isLocal, PASSKEY, type Reply, type Request } from './deps.ts'
import { markOf } from './mfa-records.ts'
import { problemFor } from './reasons.ts'

/** Ties a sign-in to the browser that began it, before there is a session. */
const COOKIE = '__Host-mezite_passkey'
const METHOD = 'webauthn'

export const signInUrl = (signInOrigin: string, state: string): string =>
  `${signInOrigin}/web/passkey?state=${encodeURIComponent(state)}`

function tie({ headers }: Request, reply: Reply): void {
  if (readCookie(headers.cookie, COOKIE) !== undefined) return
  const value = randomBytes(32).toString('base64url')
  reply.header('set-cookie', `${COOKIE}=${value}; Max-Age=3600; Path=/; Secure; HttpOnly; SameSite=Lax`)
}

/** The part of the sign-in page where a person chooses a passkey, also from the suggestions of the browser. */
export function signInForm({ pages }: Deps, reply: Reply, state: string) {
  tie(reply.request, reply)
  return pages(reply.request).signInForm(state)
}

/**
 * Sign-in with a passkey alone, for people without an identity provider. A passkey of a person of a provider cannot sign in,
 * because it would still work after the provider has locked the person out.
 */
export function signInRoutes(deps: Deps): WebRoutes {
  const { desk, keys, users, pages, sessions, audit } = deps

  function bind(request: Request): Binding {
    const held = readCookie(request.headers.cookie, COOKIE)
    if (held === undefined) throw problemFor('cookie_missing')
    return { purpose: 'sign-in', session: sha256(held), user: null }
  }

  return {
    name: 'webauthn-sign-in',
    prefix: '/web/passkey',
    async routes(web) {
      web.get<{ Querystring: { state?: string } }>('/', page, async (request, reply) => {
        if (sentHome(deps, request, reply)) return reply
        const state = String(request.query.state ?? '')
        if (!desk.open(state)) throw problemFor('state_expired', 'Open the page that you want again.')
        tie(request, reply)
        return reply.page(pages(request).signIn(state))
      })

      call(web, '/begin', {}, async (request) => {
        requireOwnPage(deps, request)
        return askAssertion(deps, bind(request), [])
      })

      call(web, '/finish', { state: text, ...proof }, async (request, reply) => {
        requireOwnPage(deps, request)
        countResponse(deps, `sign-in ${addressKey(request.clientIp)}`)
        const { state, ceremony, response } = request.body
        if (!desk.open(state)) throw problemFor('state_expired', 'Open the page that you want again.')
        const { key, user } = await takeAssertion(deps, request, {
          ceremony,
          binding: bind(request),
          response,
          session: null,
          findKey: async (id) => {
            const key = await keys.byId(id)
            const user = key && users.byName(key.user_key)
            return key && user && user.holder === key.holder ? { key, user } : undefined
          },
        })
        const refusal = refusalFor(user, response)
        if (refusal) {
          const fields = { connector: PASSKEY, method: METHOD }
          const who = { user: user.name, clientIp: request.clientIp, requestId: request.id, fields }
          audit.record({ ...who, type: 'user.login.failed', success: false, reason: refusal.code })
          throw refusal
        }
        const known = await confirmLocal(deps, user)
        return desk.complete(request, reply, {
          user: known,
          connector: PASSKEY,
          method: METHOD,
          state,
          // Fresh enough for a role with `mfa_freshness`; others ask again.
          async opened(session) {
            await sessions.remember(session, markOf(deps, key))
            // If the passkey was removed meanwhile, its removal may have missed the entry that was just written.
            if (!(await keys.byId(key.id)))
              throw new Problem(400, 'key_unknown', 'This passkey has just been removed.')
          },
        })
      })
    },
  }
}

/** The reason why a valid assertion does not sign the person in, or null. */
function refusalFor(user: User, response: object): Problem | null {
  if (!isLocal(user)) {
    const detail = 'Sign in through your identity provider: this passkey can only confirm that it is you.'
    return problemFor('passkey_not_for_sign_in', detail)
  }
  if (!(response as { response?: { userHandle?: unknown } }).response?.userHandle) {
    return problemFor('user_handle_missing')
  }
  return null
}
