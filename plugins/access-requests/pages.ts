import { html, type Pages, type Subject } from '@mezite/core'
import { accountSection } from './account-section.ts'
import { type Body, durations, form, time } from './form.ts'
import type { Gain } from './gains.ts'
import { PAGES } from './messages.ts'
import type { AccessRequest } from './request.ts'
import { type Language, showDuration, targetOf, texts, type Words } from './texts.ts'

type State = keyof Words['state']

/** Apps that the page of a request names. */
const MOST_GAINS = 20

/** A request as a page shows it. */
export interface ShownRequest {
  readonly request: AccessRequest
  readonly state: State
}

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

export interface ListView {
  readonly reviews: boolean
  readonly waiting: readonly ShownRequest[]
  readonly live: readonly ShownRequest[]
  readonly own: readonly ShownRequest[]
  readonly decided: readonly ShownRequest[]
  /** Apps and roles that the reader may ask for. */
  readonly apps: readonly { readonly name: string; readonly title: string }[]
  readonly roles: readonly string[]
}

export type RequestPages = ReturnType<typeof createRequestPages>

/** The plugin's pages. All values are escaped, and everything works without a script. */
export function createRequestPages(options: { readonly pages: Pages; readonly script: string }) {
  const { pages, script } = options

  function render(
    subject: Subject,
    language: Language,
    title: string,
    body: Body,
    more: { readonly width?: 'column'; readonly scripts?: readonly string[] } = {},
  ): string {
    const user = { name: subject.user, roles: subject.roles }
    return pages.render({ title, body, language, user, current: PAGES, ...more })
  }

  function stateTag(words: Words, state: State) {
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
            : [words.list.asked(showDuration(request.durationMs)), ' ', time(request.created)]
        }</span>
      </div>
      ${stateTag(words, state)}
    </li>`
  }
  const rows = (
    words: Words,
    all: readonly ShownRequest[],
    title: (one: AccessRequest) => string,
    none: string,
  ) =>
    all.length === 0
      ? html`<p class="quiet">${none}</p>`
      : html`<ul class="list">${all.map((one) => row(words, one, title(one.request)))}</ul>`

  /** The apps that a request opens, with the rules that open them. */
  function gainList({ review }: Words, gains: readonly Gain[]) {
    if (gains.length === 0) return review.gainsNothing
    const one = ({ app, because }: Gain) =>
      html`<div><strong>${app}</strong>${because.map((line) => html`<br /><code>${line}</code>`)}</div>`
    const more = gains.length - MOST_GAINS
    return [gains.slice(0, MOST_GAINS).map(one), more > 0 ? html`<div>${review.gainsMore(more)}</div>` : null]
  }

  return {
    form,
    account: accountSection,

    /** The form on a page of its own. */
    ask(
      subject: Subject,
      language: Language,
      ask: Parameters<typeof form>[1] & { readonly title: string | null },
    ): string {
      const { form: words, list } = texts[language]
      const what = ask.title ?? ''
      const title = ask.role === undefined ? words.title(what) : words.roleTitle(ask.role)
      if (ask.offers.length === 0)
        return render(
          subject,
          language,
          list.title,
          html`<div class="card"><h1>${list.title}</h1><p>${words.none}</p><div class="actions"><a class="button" href=${PAGES}>${list.title}</a></div></div>`,
        )
      return render(
        subject,
        language,
        title,
        html`<div class="card"><h1>${title}</h1>${form(language, ask)}</div>`,
      )
    },

    /** What the person who asked sees; it waits and goes on by itself. */
    wait(
      subject: Subject,
      language: Language,
      { request, state, url }: ShownRequest & { readonly url: string | null },
    ): string {
      const words = texts[language]
      const { wait } = words
      const target = targetOf(words, request)
      const action = `${PAGES}/${request.id}`
      const approved = request.reviews.filter(({ approves }) => approves).length
      if (state === 'pending')
        return render(
          subject,
          language,
          wait.title,
          html`<div class="card" data-request=${request.id} data-state="pending">
            <h1>${wait.title}</h1>
            <p role="status">${wait.text(target)}</p>
            <p class="quiet">${wait.close}</p>
            <noscript><p class="quiet">${wait.noScript}</p></noscript>
            <dl class="facts stacked">
              <dt>${words.review.duration}</dt><dd>${showDuration(request.durationMs)}</dd>
              <dt>${words.review.reason}</dt><dd>${request.reason || words.review.noReason}</dd>
              <dt>${wait.until}</dt><dd>${time(request.expires)}</dd>
              ${request.approvals > 1 ? [html`<dt>${words.review.decisions}</dt>`, html`<dd>${wait.count(approved, request.approvals)}</dd>`] : null}
            </dl>
            <div class="actions">
              <noscript><a class="button" href=${action}>${wait.again}</a></noscript>
              <form method="post" action=${`${action}/cancel`}><button class="plain">${wait.cancel}</button></form>
            </div>
          </div>`,
          { scripts: [script] },
        )
      const title = state === 'approved' ? wait.approvedTitle : wait[`${state}Title` as const]
      const again =
        request.appName === null ? `${PAGES}/new?role=${request.role}` : `${PAGES}/new?app=${request.appName}`
      return render(
        subject,
        language,
        title,
        html`<div class="card" data-request=${request.id} data-state=${state} data-url=${url ?? undefined}>
          <h1>${title}</h1>
          ${state === 'approved' ? html`<p role="status">${wait.approvedText(target)}</p>` : html`<p>${target}</p>`}
          <dl class="facts stacked">
            ${state === 'approved' && request.until !== null ? [html`<dt>${wait.ends}</dt>`, html`<dd>${time(request.until)}</dd>`] : null}
            <dt>${words.review.reason}</dt><dd>${request.reason || words.review.noReason}</dd>
          </dl>
          <div class="actions">
            ${state === 'approved' && url !== null ? html`<a class="button" href=${url}>${wait.go(target)}</a>` : null}
            ${state === 'approved' ? html`<form method="post" action=${`${action}/cancel`}><button class="danger">${wait.end}</button></form>` : html`<a class="button" href=${again}>${wait.askAgain}</a>`}
            <a class="button plain" href=${PAGES}>${words.list.title}</a>
          </div>
        </div>`,
      )
    },

    /** What somebody who decides sees. */
    review(subject: Subject, language: Language, view: ReviewView): string {
      const words = texts[language]
      const { review, wait } = words
      const { request, state, owner, gains, earlier, may } = view
      const target = targetOf(words, request)
      const title = (request.breakGlass ? review.brokeGlass : review.asks)(request.user, target)
      const action = `${PAGES}/${request.id}`
      const fact = (name: string, value: unknown) => [html`<dt>${name}</dt>`, html`<dd>${value}</dd>`]
      return render(
        subject,
        language,
        title,
        html`<div class="stack">
          <div class="card">
            <h1>${title}</h1>
            <dl class="facts stacked">
              ${fact(review.state, stateTag(words, state))}
              ${fact(review.who, html`<strong>${request.user}</strong>`)}
              ${request.appName === null ? null : fact(review.what, request.appName)}
              ${request.via === request.role ? null : fact(review.role, request.role)}
              ${fact(review.duration, showDuration(request.durationMs))}
              ${fact(review.reason, request.reason || review.noReason)}
              ${fact(review.asked, time(request.created))}
              ${owner === null ? null : fact(review.owner, owner)}
              ${fact(review.gains, gainList(words, gains))}
              ${fact(review.because, review.becauseOf(request.via))}
              ${request.until === null ? null : fact(wait.ends, time(request.until))}
              ${request.approvals > 1 ? fact(review.decisions, wait.count(request.reviews.filter(({ approves }) => approves).length, request.approvals)) : null}
            </dl>
            ${
              request.reviews.length === 0
                ? null
                : html`<ul class="list">${request.reviews.map((one) => html`<li><div>${(one.approves ? review.approvedBy : review.deniedBy)(one.reviewerName)}${one.reason ? html`<br /><span class="quiet">${one.reason}</span>` : null}</div> ${time(one.time)}</li>`)}</ul>`
            }
            ${view.own ? html`<p class="note">${review.own}</p>` : null}
            ${
              may === 'confirm'
                ? html`<p class="note">${review.confirmText}</p>${view.confirmUrl === null ? null : html`<div class="actions"><a class="button" href=${view.confirmUrl}>${review.confirm}</a></div>`}`
                : may === 'decide'
                  ? html`<form method="post" action=${`${action}/approve`}>
                      <label for="approve-for">${review.approveFor}</label>
                      ${durations('for', 'approve-for', request.durationMs, request.durationMs)}
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
        </div>`,
        { width: 'column' },
      )
    },

    /** Everything that concerns the reader. */
    list(subject: Subject, language: Language, view: ListView): string {
      const words = texts[language]
      const { list, review } = words
      const asks = (one: AccessRequest) =>
        (one.breakGlass ? review.brokeGlass : review.asks)(one.user, targetOf(words, one))
      const card = (title: string, body: Body) =>
        html`<section class="card"><h2>${title}</h2>${body}</section>`
      const able = [
        ...view.apps.map(({ name, title }) => ({ title, href: `${PAGES}/new?app=${name}` })),
        ...view.roles.map((role) => ({ title: words.role(role), href: `${PAGES}/new?role=${role}` })),
      ]
      return render(
        subject,
        language,
        list.title,
        html`<div class="stack">
          <h1>${list.title}</h1>
          ${view.reviews ? card(list.forYou, rows(words, view.waiting, asks, list.none)) : null}
          ${view.live.length > 0 ? card(list.live, rows(words, view.live, asks, list.none)) : null}
          ${able.length > 0 ? card(list.ask, html`<ul class="list">${able.map(({ title, href }) => html`<li><a href=${href}>${title}</a></li>`)}</ul>`) : null}
          ${card(
            list.own,
            rows(words, view.own, (one) => targetOf(words, one), list.noOwn),
          )}
          ${view.decided.length > 0 ? card(list.earlier, rows(words, view.decided, asks, list.none)) : null}
        </div>`,
        { width: 'column' },
      )
    },
  }
}
