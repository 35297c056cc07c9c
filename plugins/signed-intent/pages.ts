import type { Clock, Pages, PublicNames, Sessions, WebRoutes } from '@mezite/core'
import { type Intents, NAME } from './intents.ts'
import { texts } from './texts.ts'
import { stateBody } from './views.ts'

const REFRESH_SECONDS = '2'

/** `/web/intents/ID`: leads the person who may sign to the page for it, and shows everybody else whom it concerns how it stands. */
export function intentPages(deps: {
  readonly intents: Intents
  readonly pages: Pages
  readonly publicNames: Pick<PublicNames, 'signInOrigin'>
  readonly sessions: Pick<Sessions, 'byId'>
  readonly clock: Clock
}): WebRoutes {
  const { intents, pages, publicNames, sessions, clock } = deps
  return {
    name: 'signed-intent-pages',
    prefix: '/web/intents',
    async routes(web) {
      web.get<{ Params: { id: string } }>('/:id', { config: { access: 'page' } }, async (request, reply) => {
        const { subject, params, headers } = request
        const language = pages.languageOf(headers['accept-language'])
        const words = texts[language]
        const session = sessions.byId(subject.sessionId ?? '')
        if (session !== undefined && (await intents.signable(params.id, session)) !== null)
          return reply.redirect(`/web/sign/${NAME}/${params.id}`, 302)
        const found = await intents.rowOf(params.id)
        const isCaller = found?.document.intent.caller === subject.user
        const signer =
          found?.row.proof == null ? null : (JSON.parse(found.row.proof) as { user: string }).user
        const isTheirs = found !== null && (isCaller || signer === subject.user)
        const state = !isTheirs || Number(found.row.expires) <= clock.now() ? 'over' : found.row.state
        const document = isTheirs ? found.document : null
        if (isCaller && state === 'signed' && document?.returnTo != null)
          return reply.redirect(document.returnTo, 302)
        if (isCaller && state === 'declined' && document?.returnTo != null)
          return reply.redirect(document.returnTo, 302)
        const address = `${publicNames.signInOrigin}/web/intents/${params.id}`
        const said =
          state === 'waiting'
            ? { title: words.waitTitle, text: words.waitText, address, document }
            : state === 'signed' || state === 'used'
              ? { title: words.signedTitle, text: words.signedText, document }
              : state === 'declined'
                ? { title: words.declinedTitle, text: words.declinedText, document }
                : { title: words.overTitle, text: words.overText, document: null }
        if (state === 'waiting') reply.header('refresh', REFRESH_SECONDS)
        const user = { name: subject.user, roles: subject.roles }
        return reply.page(pages.render({ title: said.title, body: stateBody(words, said), language, user }))
      })
    },
  }
}
