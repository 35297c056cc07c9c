import { html, type Pages, type Problem, type Subject } from '@mezite/core'
import { accountSection } from './account-section.ts'
import { type Body, form, time } from './form.ts'
import { inbox, type OutcomeView, outcomeCard } from './inbox.ts'
import { PAGES } from './messages.ts'
import { type AccessRequest, isOpenedAtOnce } from './request.ts'
import { rows, type ShownRequest } from './request-rows.ts'
import { type ReviewView, reviewPage } from './review-page.ts'
import { type Language, showDuration, targetOf, texts } from './texts.ts'

/** What a page lists without folding it. */
const FEW = 12

export interface ListView {
  readonly reviews: boolean
  readonly waiting: readonly ShownRequest[]
  readonly live: readonly ShownRequest[]
  readonly own: readonly ShownRequest[]
  readonly decided: readonly ShownRequest[]
  /** Who is responsible for what a request is about; empty if nobody is named. */
  readonly ownerOf: (request: AccessRequest) => string
  readonly now: number
  /** Apps and roles that the reader may ask for. */
  readonly apps: readonly { readonly name: string; readonly title: string }[]
  readonly roles: readonly string[]
}

export type RequestPages = ReturnType<typeof createRequestPages>

/** The plugin's pages. All values are escaped, and everything works without a script. */
export function createRequestPages(options: {
  readonly pages: Pages
  readonly scripts: Readonly<Record<'waiting' | 'inbox', { readonly path: string }>>
}) {
  const { pages, scripts } = options

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

  /** The reason why a request was not decided. A problem's own sentence is English. */
  const sentenceIn =
    (language: Language) =>
    ({ code, message }: Pick<Problem, 'code' | 'message'>): string => {
      if (code === 'confirmation_required') return texts[language].review.confirmText
      return (language !== 'en' && pages.reasonOf(code)?.[language]) || message
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
              <dt>${words.review.duration}</dt><dd>${showDuration(request.duration)}</dd>
              <dt>${words.review.reason}</dt><dd>${request.reason || words.review.noReason}</dd>
              <dt>${wait.until}</dt><dd>${time(request.expires)}</dd>
              ${request.approvals > 1 ? [html`<dt>${words.review.decisions}</dt>`, html`<dd>${wait.count(approved, request.approvals)}</dd>`] : null}
            </dl>
            <div class="actions">
              <noscript><a class="button" href=${action}>${wait.again}</a></noscript>
              <form method="post" action=${`${action}/cancel`}><button class="plain">${wait.cancel}</button></form>
            </div>
          </div>`,
          { scripts: [scripts.waiting.path] },
        )
      const title = state === 'approved' ? wait.approvedTitle : wait[`${state}Title` as const]
      const again =
        request.app_name === null
          ? `${PAGES}/new?role=${request.role}`
          : `${PAGES}/new?app=${request.app_name}`
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
      const { title, body } = reviewPage(texts[language], view)
      return render(subject, language, title, body, { width: 'column' })
    },

    /** Everything that concerns the reader. */
    list(subject: Subject, language: Language, view: ListView, outcome: OutcomeView | null = null): string {
      const words = texts[language]
      const { list, review } = words
      const asks = (one: AccessRequest) =>
        (isOpenedAtOnce(one) ? review.brokeGlass : review.asks)(one.user_name, targetOf(words, one))
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
          ${outcome === null ? null : outcomeCard(words, outcome, { title: asks, sentence: sentenceIn(language) })}
          ${view.reviews ? card(`${list.forYou} (${view.waiting.length})`, inbox(words, view, asks)) : null}
          ${view.live.length > 0 ? card(list.live, rows(words, view.live, asks, list.none)) : null}
          ${able.length > 0 ? card(list.ask, folded(list.askCount(able.length), able)) : null}
          ${card(
            list.own,
            rows(words, view.own, (one) => targetOf(words, one), list.noOwn),
          )}
          ${view.decided.length > 0 ? card(list.earlier, rows(words, view.decided, asks, list.none)) : null}
        </div>`,
        { width: 'column', scripts: [scripts.inbox.path] },
      )
    },
  }
}

/** Links as a list, folded if they are many. */
function folded(title: string, links: readonly { readonly title: string; readonly href: string }[]): Body {
  const all = html`<ul class="list">${links.map(({ title, href }) => html`<li><a href=${href}>${title}</a></li>`)}</ul>`
  return links.length <= FEW ? all : html`<details><summary>${title}</summary>${all}</details>`
}
