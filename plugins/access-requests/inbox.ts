import { html } from '@mezite/core'
import type { Body } from './form.ts'
import { PAGES } from './messages.ts'
import type { ListView } from './pages.ts'
import type { AccessRequest } from './request.ts'
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
    <div class="actions">
      <button name="verdict" value="approve">${list.approveMarked}</button>
      <button name="verdict" value="deny" class="danger">${list.denyMarked}</button>
    </div>
    <p class="quiet small">${list.keys}</p>
  </form>`
}
