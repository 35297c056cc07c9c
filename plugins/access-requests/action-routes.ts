import type { WebRoutes } from '@mezite/core'
import type { RequestDesk } from './desk.ts'
import { durationOf, reasonOf, textOf } from './form-fields.ts'
import { MARK } from './inbox.ts'
import { PAGES } from './messages.ts'
import { problemFor } from './reasons.ts'

const page = { config: { access: 'page' } } as const
type Named = { Params: { id: string } }

/** What the two sides of a request do with it. */
export function actionRoutes(web: Parameters<WebRoutes['routes']>[0], desk: RequestDesk): void {
  const back = (id: string) => `${PAGES}/${id}`
  web.post('/decide', page, async ({ actor, body }, reply) => {
    const marked = Object.keys(Object(body)).flatMap((name) =>
      name.startsWith(MARK) ? [name.slice(MARK.length)] : [],
    )
    const verdict = textOf(body, 'verdict')
    if (marked.length === 0 || (verdict !== 'approve' && verdict !== 'deny'))
      throw problemFor('request_invalid', 'Mark at least one request, and approve or deny it.')
    // A decision stays if one of the others is not possible.
    for (const id of marked)
      await (verdict === 'approve' ? desk.approve(id, actor) : desk.deny(id, actor, null))
    return reply.redirect(PAGES, 303)
  })
  web.post<Named>('/:id/cancel', page, async ({ actor, params, body }, reply) => {
    await desk.cancel(params.id, actor)
    return reply.redirect(textOf(body, 'back') === 'account' ? '/web/account#access' : back(params.id), 303)
  })
  web.post<Named>('/:id/approve', page, async ({ actor, params, body }, reply) => {
    await desk.approve(params.id, actor, durationOf(textOf(body, 'for')))
    return reply.redirect(back(params.id), 303)
  })
  web.post<Named>('/:id/deny', page, async ({ actor, params, body }, reply) => {
    await desk.deny(params.id, actor, reasonOf(textOf(body, 'reason')) || null)
    return reply.redirect(back(params.id), 303)
  })
  web.post<Named>('/:id/revoke', page, async ({ actor, params }, reply) => {
    await desk.revoke(params.id, actor)
    return reply.redirect(back(params.id), 303)
  })
}
