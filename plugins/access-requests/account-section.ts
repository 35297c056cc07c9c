import { html } from '@mezite/core'
import { type Body, hidden, time } from './form.ts'
import { PAGES } from './messages.ts'
import type { AccessRequest } from './request.ts'
import { type Language, showLeft, targetOf, texts } from './texts.ts'

/** The section of "My account": what the person has for a time, and how much is left. */
export function accountSection(
  language: Language,
  live: readonly { readonly request: AccessRequest; readonly until: number }[],
  now: number,
): Body {
  const words = texts[language]
  const { account } = words
  return html`<section class="card" id="access">
    <h2>${account.title}</h2>
    <p class="quiet small">${account.text}</p>
    <ul class="list">${live.map(({ request, until }) => {
      const what = targetOf(words, request)
      return html`<li><div class="row">
        <div><a href=${`${PAGES}/${request.id}`}>${what}</a><br /><span class="quiet small">${account.left(showLeft(until - now))} ${time(until)}</span></div>
        <form method="post" action=${`${PAGES}/${request.id}/cancel`}>
          ${hidden('back', 'account')}
          <button class="plain" aria-label=${account.endNamed(what)}>${account.end}</button>
        </form>
      </div></li>`
    })}</ul>
  </section>`
}
