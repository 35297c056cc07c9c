import { html, type Problem } from '@mezite/core'
import type { Verdict } from './decisions.ts'
import { atMost, type Body } from './form.ts'
import { PAGES } from './messages.ts'
import type { ListView } from './pages.ts'
import type { AccessRequest } from './request.ts'
import { rows, type ShownRequest } from './request-rows.ts'
import { showDuration, showLeft, type Words } from './texts.ts'

/** Name of the field of a form that marks a request. */
export const MARK = 'request-'

/** Requests that wait for the reader, to be decided one by one or several at once, also with the keyboard. */
export function inbox(
  words: Words,
  { waiting, now, ownerOf }: Pick<ListView, 'waiting' | 'now' | 'ownerOf'>,
  title: (one: AccessRequest) => string,
): Body {
  const { list, review } = words
  if (waiting.length === 0) return html`<p class="quiet">${list.none}</p>`
  const row = (request: AccessRequest) => {
    const owner = ownerOf(request)
    const about = [
      `${review.role} ${request.role}`,
      showDuration(request.duration),
      ...(owner === '' ? [] : [`${review.owner} ${owner}`]),
      list.waitsFor(showLeft(now - request.created)),
    ]
    return html`<li>
      <input type="checkbox" name=${MARK + request.id} value="1" aria-label=${title(request)} />
      <div>
        <a href=${`${PAGES}/${request.id}`}>${title(request)}</a><br />
        <span class="small">${request.reason || review.noReason}</span><br />
        <span class="quiet small">${about.join(' · ')}</span>
      </div>
    </li>`
  }
  return html`<form method="post" action=${`${PAGES}/decide`} class="inbox">
    <ul class="list">${waiting.map(({ request }) => row(request))}</ul>
    <label for="decide-for">${list.forAtMost}</label>
    ${atMost({ id: 'decide-for', asked: list.asAsked, maxMs: Math.max(...waiting.map(({ request }) => request.duration)) })}
    <div class="actions">
      <button name="verdict" value="approve">${list.approveMarked}</button>
      <button name="verdict" value="deny" class="danger">${list.denyMarked}</button>
    </div>
    <p class="quiet small">${list.keys}</p>
  </form>`
}

/** What became of several requests that were decided at once. */
export interface OutcomeView {
  readonly verdict: Verdict
  readonly decided: readonly ShownRequest[]
  /** `request`: null if the reader may not see it, or there is none. */
  readonly refused: readonly {
    readonly id: string
    readonly request: AccessRequest | null
    readonly problem: Pick<Problem, 'code' | 'message'>
  }[]
}

/** The requests that were decided, and the others with the reason of each. */
export function outcomeCard(
  words: Words,
  { verdict, decided, refused }: OutcomeView,
  shown: {
    readonly title: (one: AccessRequest) => string
    readonly sentence: (problem: Pick<Problem, 'code' | 'message'>) => string
  },
): Body {
  const { list } = words
  const heading = verdict === 'approve' ? list.approved : list.denied
  const row = ({ id, request, problem }: OutcomeView['refused'][number]) => html`<li><div>
      ${request === null ? id.slice(0, 40) : html`<a href=${`${PAGES}/${id}`}>${shown.title(request)}</a>`}<br />
      <span class="small">${shown.sentence(problem)}</span>
    </div></li>`
  return html`<section class="card" id="outcome" role="status" tabindex="-1" autofocus>
    ${decided.length === 0 ? null : html`<h2>${heading(decided.length)}</h2>${rows(words, decided, shown.title, '')}`}
    ${refused.length === 0 ? null : html`<h2>${list.notDecided(refused.length)}</h2><ul class="list">${refused.map(row)}</ul>`}
  </section>`
}
