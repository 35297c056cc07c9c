import type { WebRoutes } from '@mezite/core'
import { addressKey } from '@mezite/core/protocol'
import type { Binding } from './ceremonies.ts'
import {
  call,
  countResponse,
  FRESH_MS,
  KeyName,
  page,
  personOf,
  proof,
  requireOwnPage,
  sentHome,
  text,
} from './challenge.ts'
import { confirmLocal, type Deps, isLocal, PASSKEY, type Request } from './deps.ts'
import { linkRefused } from './enrolment-links.ts'
import { problemFor } from './reasons.ts'
import { askNewKey, takeNewKey } from './registration-challenge.ts'

const TOKEN = /^[A-Za-z0-9_-]{43}$/

export const enrolUrl = (signInOrigin: string, token: string): string => `${signInOrigin}/web/enrol#${token}`

/**
 * The page of an administrator's link. For people without an identity provider the link is enough; a person of a provider
 * must also be freshly signed in as that person.
 */
export function enrolRoutes(deps: Deps): WebRoutes {
  const { links, inviters, users, keys, desk, pages, clock } = deps

  async function open(request: Request, token: string) {
    requireOwnPage(deps, request)
    countResponse(deps, `enrol ${addressKey(request.clientIp)}`)
    if (!TOKEN.test(token)) {
      const detail = 'This link is not complete. Copy the whole link, or ask an administrator for a new one.'
      throw problemFor('link_refused', detail)
    }
    const link = await links.find(token)
    const user = link && users.byName(link.user_key)
    if (!link || !user || (link.holder !== null && link.holder !== user.holder)) throw linkRefused()
    inviters.requireMaker(link, user)
    return { link, user }
  }

  async function openFor(request: Request, token: string) {
    const { link, user } = await open(request, token)
    let session: string | null = null
    if (!isLocal(user)) {
      const first = 'Sign in first, then come back to this page and continue.'
      const person = await personOf(deps, request, first)
      if (person.user.key !== user.key) {
        throw problemFor(
          'link_of_another',
          `This link is for another person; you are signed in as ${person.user.name}.`,
        )
      }
      if (clock.now() - person.session.created > FRESH_MS) {
        throw problemFor('login_required', 'Your sign-in is more than 10 minutes old. Sign in again first.')
      }
      session = person.session.id
    }
    const binding: Binding = { purpose: 'enrol', session: session ?? link.id, user: user.key, link: link.id }
    return { link, user, session, binding }
  }

  return {
    name: 'webauthn-enrol',
    prefix: '/web/enrol',
    async routes(web) {
      web.get('/', page, async (request, reply) => {
        if (sentHome(deps, request, reply)) return reply
        const again = `/web/login?state=${desk.seal({ appHost: null, path: '/web/enrol', nonceHash: null })}`
        return reply.page(pages(request).enrol(again))
      })

      // Reports at once whose link it is, until when it is valid, and whether the person has to sign in first.
      call(web, '/look', { token: text }, async (request) => {
        const { link, user } = await open(request, request.body.token)
        const expires = new Date(link.expires).toISOString()
        if (isLocal(user)) return { user: user.name, expires, sign_in: false }
        const session = await desk.sessionOf(request)
        const ready = session?.user === user.name && clock.now() - session.created <= FRESH_MS
        return { user: user.name, expires, sign_in: !ready }
      })

      call(web, '/begin', { token: text }, async (request) => {
        const { user, binding } = await openFor(request, request.body.token)
        return { ...(await askNewKey(deps, binding, user)), user: user.name }
      })

      call(web, '/finish', { token: text, ...proof, name: KeyName }, async (request, reply) => {
        const { token, name, ...given } = request.body
        const { link, user, session, binding } = await openFor(request, token)
        const key = await takeNewKey(deps, { ...given, binding })
        const who = {
          user: user.name,
          clientIp: request.clientIp,
          sessionId: session,
          requestId: request.id,
        }
        await keys.add(user, { ...key, name }, who, 'link', async (trx) => {
          inviters.requireMaker(link, user)
          await links.spend(trx, link.id)
        })
        if (!isLocal(user)) return { id: key.id, user: user.name }
        // Link and passkey together identify the person as a sign-in with the new passkey would.
        const known = await confirmLocal(deps, user)
        const state = desk.seal({ appHost: null, path: '/', nonceHash: null })
        return desk.complete(request, reply, { user: known, connector: PASSKEY, method: 'webauthn', state })
      })
    },
  }
}
