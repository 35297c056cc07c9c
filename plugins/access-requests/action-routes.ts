import type { Log, Subject, WebRoutes } from '@mezite/core'
import { decideEach, type Outcome } from './decisions.ts'
import type { RequestDesk } from './desk.ts'
import { durationOf, reasonOf, textOf } from './form-fields.ts'
import { MARK } from './inbox.ts'
import { PAGES } from './messages.ts'
import { problemFor } from './reasons.ts'

const page = { config: { access: 'page' } } as const
/** Each decision waits for its turn to change something. */
const MOST_MARKED = 100
export interface Reader {
  readonly subject: Subject
  readonly headers: { readonly 'accept-language'?: string | undefined }
}
type Named = { Params: { id: string } }

/** What the two sides of a request do with it. */
export function actionRoutes(
  web: Parameters<WebRoutes['routes']>[0],
  desk: RequestDesk,
  parts: {
    readonly log: Pick<Log, 'error'>
    /** The list as it is after the decision, with what became of each request. */
    readonly listAfter: (reader: Reader, outcome: Outcome) => Promise<string>
  },
): void {
  const back = (id: string) => `${PAGES}/${id}`
  // The address of a decision, loaded again.
  web.get('/decide', page, async (_request, reply) => reply.redirect(PAGES, 303))
  web.post('/decide', page, async (request, reply) => {
    const { actor, body } = request
    const marked = Object.keys(Object(body)).flatMap((name) =>
      name.startsWith(MARK) ? [name.slice(MARK.length)] : [],
    )
    const verdict = textOf(body, 'verdict')
    if (marked.length === 0 || (verdict !== 'approve' && verdict !== 'deny'))
      throw problemFor('request_invalid', 'Mark at least one request, and approve or deny it.')
    if (marked.length > MOST_MARKED)
      throw problemFor('request_invalid', `Mark at most ${MOST_MARKED} requests at once.`)
    const time = textOf(body, 'for')
    const atMostMs = time === '' ? undefined : durationOf(time)
    const outcome = await decideEach(desk, marked, actor, { verdict, atMostMs, log: parts.log })
    return reply.page(await parts.listAfter(request, outcome))
  })
  web.post<Named>('/:id/cancel', page, async ({ actor, params, body }, reply) => {
    await desk.cancel(params.id, actor)
    return reply.redirect(textOf(body, 'back') === 'account' ? '/web/account#access' : back(params.id), 303)
  })
  web.post<Named>('/:id/approve', page, async ({ actor, params, body }, reply) => {
    await desk.approve(params.id, actor, { forMs: durationOf(textOf(body, 'for')) })
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
