import type { FastifyReply } from 'fastify'
import type { App } from '../../api/app.ts'
import { Problem } from '../../api/problem.ts'
import type { SignInParts } from './sign-in-deps.ts'
import { sendPage } from './sign-in-desk.ts'

/**
 * Sends a visitor without a session to sign in: plainly when there is one way (or one is demanded), else to
 * the page that asks. Throws 503 `sign_in_unavailable` while there is no way at all.
 */
export async function beginLogin(
  parts: SignInParts,
  reply: FastifyReply,
  input: { readonly state: string; readonly app: App | null; readonly connector: string | null },
): Promise<FastifyReply> {
  const { challenge, methods, pages, publicNames } = parts
  const choices = methods().flatMap((method) => method.choices())
  if (choices.length === 0) {
    const detail =
      'No connector and no local user exists. An administrator adds one with `mezctl sso create`.'
    throw new Problem(503, 'sign_in_unavailable', detail)
  }
  // Only an app's session has to come from the configured connector; the hub's own pages take any.
  const wanted = input.connector ?? (choices.length === 1 ? choices[0]!.id : null)
  if (wanted === null) {
    const listed = choices.map(({ id, title }) => ({
      title,
      href: `/web/login?state=${encodeURIComponent(input.state)}&connector=${encodeURIComponent(id)}`,
    }))
    // Before sign-in nothing tells whether the app exists, so its name is not shown.
    return sendPage(reply, pages.chooser(listed, null))
  }
  if (!choices.some(({ id }) => id === wanted)) {
    const named = publicNames.appsOidcConnector === wanted
    const detail = named
      ? `Applications need the connector ${wanted}, which does not exist.`
      : 'That way to sign in does not exist any more.'
    throw new Problem(named ? 503 : 404, 'sign_in_unavailable', detail)
  }
  const answer = await challenge({
    requirement: { name: 'login' },
    subject: null,
    app: input.app,
    state: input.state,
    connector: wanted,
  })
  if (!answer) throw new Problem(503, 'sign_in_unavailable', 'No plugin answers for that way to sign in.')
  return reply.redirect(answer.location, 302)
}
