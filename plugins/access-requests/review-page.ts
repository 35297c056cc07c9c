import { html } from '@mezite/core'
import { type Body, durations, time } from './form.ts'
import type { Gain } from './gains.ts'
import { PAGES } from './messages.ts'
import { grantedMs, isOpenedAtOnce } from './request.ts'
import { gainList, rows, type ShownRequest, stateTag } from './request-rows.ts'
import { showDuration, targetOf, type Words } from './texts.ts'

/** What somebody who decides about a request sees. */
export interface ReviewView extends ShownRequest {
  readonly owner: string | null
  /** Apps that the person would gain, and why they would open. */
  readonly gains: readonly Gain[]
  readonly earlier: readonly ShownRequest[]
  /** Whether the reader decides: no, with a passkey first, or now. */
  readonly may: 'not' | 'confirm' | 'decide'
  readonly mayRevoke: boolean
  readonly own: boolean
  /** Null: nobody can confirm. */
  readonly confirmUrl: string | null
}

/** What was granted, and what was asked for if that is more. */
function grantedTime({ review }: Words, request: ShownRequest['request']): string {
  const [asked, granted] = [
    showDuration(request.duration),
    showDuration(grantedMs(request) ?? request.duration),
  ]
  return granted === asked ? asked : review.granted(granted, asked)
}

/** A request as somebody who decides sees it. */
export function reviewPage(words: Words, view: ReviewView): { readonly title: string; readonly body: Body } {
  const { review, wait } = words
  const { request, state, owner, gains, earlier, may } = view
  const target = targetOf(words, request)
  const title = (isOpenedAtOnce(request) ? review.brokeGlass : review.asks)(request.user_name, target)
  const action = `${PAGES}/${request.id}`
  const fact = (name: string, value: unknown) => [html`<dt>${name}</dt>`, html`<dd>${value}</dd>`]
  const body = html`<div class="stack">
    <div class="card">
      <h1>${title}</h1>
      <dl class="facts stacked">
        ${fact(review.state, stateTag(words, state))}
        ${fact(review.who, html`<strong>${request.user_name}</strong>`)}
        ${request.app_name === null ? null : fact(review.what, request.app_name)}
        ${request.via === request.role ? null : fact(review.role, request.role)}
        ${fact(review.duration, grantedTime(words, request))}
        ${fact(review.reason, request.reason || review.noReason)}
        ${fact(review.asked, time(request.created))}
        ${request.asked_by === null ? null : fact(review.askedBy, request.asked_by)}
        ${owner === null ? null : fact(review.owner, owner)}
        ${fact(review.gains, gainList(words, gains))}
        ${fact(review.because, review.becauseOf(request.via))}
        ${request.until === null ? null : fact(wait.ends, time(request.until))}
        ${request.approvals > 1 ? fact(review.decisions, wait.count(request.reviews.filter(({ approves }) => approves).length, request.approvals)) : null}
      </dl>
      ${
        request.reviews.length === 0
          ? null
          : html`<ul class="list">${request.reviews.map((one) => html`<li><div>${(one.approves ? review.approvedBy : review.deniedBy)(one.reviewer_name)}${one.reason ? html`<br /><span class="quiet">${one.reason}</span>` : null}</div> ${time(one.time)}</li>`)}</ul>`
      }
      ${view.own ? html`<p class="note">${review.own}</p>` : null}
      ${
        may === 'confirm'
          ? html`<p class="note">${review.confirmText}</p>${view.confirmUrl === null ? null : html`<div class="actions"><a class="button" href=${view.confirmUrl}>${review.confirm}</a></div>`}`
          : may === 'decide'
            ? html`<form method="post" action=${`${action}/approve`}>
                <label for="approve-for">${review.approveFor}</label>
                ${durations({ id: 'approve-for', maxMs: request.duration })}
                <div class="actions"><button>${review.approve}</button></div>
              </form>
              <form method="post" action=${`${action}/deny`}>
                <label for="deny-reason">${review.denyReason}</label>
                <input id="deny-reason" name="reason" maxlength="500" autocomplete="off" />
                <div class="actions"><button class="danger">${review.deny}</button></div>
              </form>`
            : null
      }
      ${view.mayRevoke ? html`<form method="post" action=${`${action}/revoke`}><div class="actions"><button class="danger">${review.revoke}</button></div></form>` : null}
    </div>
    <section class="card">
      <h2>${review.earlier}</h2>
      ${rows(words, earlier, (one) => targetOf(words, one), review.noEarlier)}
    </section>
  </div>`
  return { title, body }
}
