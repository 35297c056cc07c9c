import { html, type Pages } from '@mezite/core'
import type { Configuration } from 'oidc-provider'
import { calls } from './calls.ts'
import { refusedHostOf } from './publishers.ts'
import { texts } from './texts.ts'

/** The page of a request by which a browser cannot be sent back to the program. */
export function errorPage(
  pages: Pick<Pages, 'render' | 'languageOf'>,
): NonNullable<Configuration['renderError']> {
  return (ctx, { error, error_description: description }, thrown) => {
    const call = calls.getStore()
    const language = pages.languageOf(call?.request.headers['accept-language'])
    const words = texts[language]
    const refused = refusedHostOf(thrown)
    // That of some errors is for the redirect which this page replaces.
    if (ctx.status < 400) ctx.status = 400
    ctx.type = 'html'
    ctx.body = pages.render({
      title: words.errorTitle,
      language,
      user: call?.hubSession === undefined ? null : { name: call.hubSession.user, roles: [] },
      body: html`<div class="card">
        <h1>${words.errorTitle}</h1>
        <p>${refused === null ? words.errorText : words.publisherRefused(refused)}</p>
        <details>
          <summary>${words.errorDetails}</summary>
          <p class="quiet">${description ?? null}</p>
          <p class="quiet"><code>${error}</code>${call === undefined ? null : html` · <code>${call.requestId}</code>`}</p>
        </details>
      </div>`,
    })
  }
}
