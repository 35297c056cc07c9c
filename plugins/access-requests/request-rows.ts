import { html } from '@mezite/core'
import { time } from './form.ts'
import type { Gain } from './gains.ts'
import { PAGES } from './messages.ts'
import { type AccessRequest, grantedMs } from './request.ts'
import { showDuration, type Words } from './texts.ts'

export type State = keyof Words['state']

/** Apps that the page of a request names. */
const MOST_GAINS = 20

/** A request as a page shows it. */
export interface ShownRequest {
  readonly request: AccessRequest
  readonly state: State
}

/** The state of a request in one word. */
export function stateTag(words: Words, state: State) {
  const tone = state === 'approved' ? 'good' : state === 'pending' ? 'warn' : ''
  return html`<ul class="tags"><li class=${tone}>${words.state[state]}</li></ul>`
}

function row(words: Words, { request, state }: ShownRequest, title: string) {
  const ends = state === 'approved' && request.until !== null
  return html`<li>
    <div>
      <a href=${`${PAGES}/${request.id}`}>${title}</a><br />
      <span class="quiet small">${
        ends
          ? [words.list.ends, ' ', time(request.until as number)]
          : [
              words.list.asked(showDuration(grantedMs(request) ?? request.duration)),
              ' ',
              time(request.created),
            ]
      }</span>
    </div>
    ${stateTag(words, state)}
  </li>`
}

/** Requests as a list, or the sentence `none`. */
export const rows = (
  words: Words,
  all: readonly ShownRequest[],
  title: (one: AccessRequest) => string,
  none: string,
) =>
  all.length === 0
    ? html`<p class="quiet">${none}</p>`
    : html`<ul class="list">${all.map((one) => row(words, one, title(one.request)))}</ul>`

/** The apps that a request opens, with the rules that open them. */
export function gainList({ review }: Words, gains: readonly Gain[]) {
  if (gains.length === 0) return review.gainsNothing
  const one = ({ app, because }: Gain) =>
    html`<div><strong>${app}</strong>${because.map((line) => html`<br /><code>${line}</code>`)}</div>`
  const more = gains.length - MOST_GAINS
  return [gains.slice(0, MOST_GAINS).map(one), more > 0 ? html`<div>${review.gainsMore(more)}</div>` : null]
}
