import { Problem, problemFor } from '@mezite/core'
import type { Deps, Reply } from './deps.ts'

/**
 * Sends a visitor without a session to sign in: directly if there is a single way or one is required, otherwise to the
 * page that lists them. Throws 503 `sign_in_unavailable` if there is no way to sign in.
 */
export function beginLogin(
  deps: Deps,
  reply: Reply,
  {
    state,
    chosen = null,
    appHost,
    another = false,
  }: {
    readonly state: string
    /** The connector that the person chose; what the app requires counts before it. */
    readonly chosen?: string | null
    /** The app's host that the person asked for, which the page names. */
    readonly appHost: string | null
    /** The provider asks which account to use. */
    readonly another?: boolean
  },
): Reply {
  const { desk, methods, pages, publicNames } = deps
  const choices = methods.flatMap((method) => method.choices().map((choice) => ({ method, choice })))
  if (choices.length === 0) {
    deps.log.warn('nobody can sign in: add an identity provider with mezctl sso create')
    throw problemFor('sign_in_unavailable', 'Nobody can sign in yet. Ask your administrator.')
  }
  // Only app sessions require a connector; the hub's own pages accept any.
  const required = appHost === null ? null : desk.connectorFor(appHost)
  const wanted = required ?? chosen ?? (choices.length === 1 ? choices[0]!.choice.id : null)
  if (wanted === null) {
    const forms = new Map(methods.map((method) => [method, method.form?.(reply, { state }) ?? null]))
    const query = `state=${encodeURIComponent(state)}${another ? '&another=1' : ''}`
    const preferred = publicNames.appsOidcConnector
    const listed = choices
      .filter(({ method }) => !forms.get(method))
      .map(({ choice: { id, title, host } }) => ({
        title,
        host,
        preferred: id === preferred,
        href: `/web/login?${query}&connector=${encodeURIComponent(id)}`,
      }))
    // The host is named whether it has an app or not: before sign-in, nothing may reveal whether an app exists.
    const shown = [...forms.values()].filter((form) => form !== null)
    return reply.page(pages(reply.request).chooser(listed, shown, appHost))
  }
  const found = choices.find(({ choice }) => choice.id === wanted)
  if (!found) {
    if (required !== null)
      deps.log.warn(
        { connector: wanted, host: appHost },
        'an application requires a connector that does not exist',
      )
    const detail = required
      ? 'Sign-in to applications is not available. Ask your administrator.'
      : 'This way to sign in no longer exists. Open the page again.'
    throw new Problem(required ? 503 : 404, 'sign_in_unavailable', detail)
  }
  const path = `/v1/webapi/${found.method.name}/login/${encodeURIComponent(wanted)}`
  const more = another ? '&another=1' : ''
  return reply.redirect(`${publicNames.signInOrigin}${path}?state=${encodeURIComponent(state)}${more}`, 302)
}
