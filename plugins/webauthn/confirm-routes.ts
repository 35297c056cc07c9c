import type { WebRoutes } from '@mezite/core'
import type { Binding } from './ceremonies.ts'
import { askOneOf, personalCall, personalPage, personOf, proof, takeOwnAssertion, text } from './challenge.ts'
import type { Deps, Request } from './deps.ts'
import { markOf, storeMark } from './mfa-records.ts'
import { problemFor } from './reasons.ts'

const PATH = '/web/confirm-action'

/** The page on which a person confirms, and from which the browser goes on to a path of the sign-in host. */
export const confirmPath = (path: string): string => `${PATH}?return=${encodeURIComponent(path)}`

/** The page on which a person confirms changes of administration in one of their sessions. */
export const confirmSessionPath = (session: string): string =>
  `/web/confirm?session=${encodeURIComponent(session)}`

/** `/web/confirm-action`: a confirmation for an action of another plugin, remembered in the hub session with its time. */
export function confirmRoutes(deps: Deps): WebRoutes {
  const { keys, pages, publicNames, firstKey } = deps

  /** A path of the sign-in host. Throws `Problem` 400 for anything else. */
  function targetOf(given: unknown): string {
    const path = typeof given === 'string' ? given : ''
    const url = path.length <= 2_048 && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(path)
    if (url && URL.parse(path, publicNames.signInOrigin)?.origin === publicNames.signInOrigin) return path
    throw problemFor('bad_target', 'Part of the address is missing. Start again.')
  }

  async function bind(request: Request) {
    const { session, user } = await personOf(deps, request)
    const binding: Binding = { purpose: 'action', session: session.id, user: user.key }
    return { session, user, binding }
  }

  return {
    name: 'webauthn-confirm-action',
    prefix: PATH,
    async routes(web) {
      web.get<{ Querystring: { return?: string } }>('/', personalPage, async (request, reply) => {
        const target = targetOf(request.query.return)
        const { user } = await bind(request)
        const hasKey = (await keys.of(user)).length > 0
        const addUrl = firstKey === 'admin' ? null : '/web/account'
        return reply.page(pages(request).confirmAction({ user: user.name, target, hasKey, addUrl }))
      })

      personalCall(web, '/begin', {}, async (request) => {
        const { user, binding } = await bind(request)
        return askOneOf(deps, binding, await keys.of(user))
      })

      personalCall(web, '/finish', { target: text, ...proof }, async (request) => {
        const location = targetOf(request.body.target)
        const { session, user, binding } = await bind(request)
        const found = await takeOwnAssertion(deps, request, { binding, session, user })
        await storeMark(deps, found, session, markOf(deps, found.key))
        return { location }
      })
    },
  }
}
