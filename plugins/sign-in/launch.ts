import { beginLogin } from './begin-login.ts'
import type { Deps, LoginState, Reply, Request } from './deps.ts'

/**
 * Leads a browser into an app or to the hub's own pages, after `/web/launch` and after each sign-in: first sign-in, then
 * the decision of the gate, then the one-use ticket to the app's host. The order of these responses is a public interface.
 */
export async function launch(deps: Deps, request: Request, reply: Reply, state: LoginState): Promise<Reply> {
  const { desk, publicNames, revisions, pages } = deps
  reply.header('cache-control', 'no-store')
  if (!revisions.fresh()) reply.header('retry-after', '2')
  const location = await desk.next(request, state)
  if (state.nonceHash === null && location !== null) return reply.redirect(location, 303)
  // Redirects keep a fragment, and pages lose it.
  const direct = location?.startsWith(`https://${state.appHost}${publicNames.portSuffix}/`) ?? false
  if (!direct && mayHaveFragment(request, state))
    return reply.page(pages(request).keepFragment(`${request.url}&fragment=`))
  if (location === null) return beginLogin(deps, reply, { state: desk.seal(state), appHost: state.appHost })
  reply.header('referrer-policy', 'no-referrer')
  return state.fragment ? reply.page(pages(request).restoreFragment(location)) : reply.redirect(location, 303)
}

/**
 * True for a browser that has just come from an app and was not asked for a fragment yet. Every browser sends these three
 * fields with a navigation; other clients get plain redirects.
 */
function mayHaveFragment({ url, headers }: Request, { fragment }: LoginState): boolean {
  return (
    fragment === undefined &&
    url.startsWith('/web/launch?') &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document' &&
    headers['upgrade-insecure-requests'] === '1'
  )
}
