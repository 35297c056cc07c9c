import { STATUS_CODES } from 'node:http'
import type { Help } from '../../api/denial-help.ts'
import type { Explanation } from '../../api/explanations.ts'
import { html, type Language, type Markup, type PageLayout, type Pages } from '../../api/pages.ts'
import type { Problem } from '../../api/problem.ts'
import type { PublicNames } from '../../api/web-routes.ts'
import { explanationBody } from './explanation.ts'
import { icon } from './icons.ts'
import { type Texts, texts } from './texts/texts.ts'

type Person = NonNullable<PageLayout['user']>

/** The content of an error page. */
export interface ErrorPage {
  readonly status: number
  /** Empty for the default heading of the code or status. */
  readonly title: string
  readonly code: string
  readonly detail: string
  readonly requestId: string
  /** Target of "Try again"; without it the page offers the home page. */
  readonly retryUrl?: string
  /** Target of "Learn more". */
  readonly link?: string
}

/** The details on the page about a denial, beside the problem. */
export interface DenialDetails {
  /** As people call the app. */
  readonly app: string
  readonly user: string
  /** From the policy or the lock that denied. */
  readonly message: string | null
  /** Sealed return target, for a sign-in with another account. */
  readonly state: string
  /** What plugins offer. */
  readonly help: readonly Help[]
  /** For administrators: what decided. */
  readonly explanation: { readonly appName: string; readonly found: Explanation } | null
}

/** The pages about errors and denials for each language, rendered without script. All values are escaped. */
export function createErrorPages(template: Pages, { hubOrigin }: Pick<PublicNames, 'hubOrigin'>) {
  return (language: Language) => {
    const { error, explanation, template: words } = texts[language]
    const { brand } = template
    const page = (title: string, body: Markup, more: Partial<PageLayout> = {}) =>
      template.render({ title, body, language, ...more })
    const meaning = (code: string, person: Person | null) => {
      const isAdmin = person === null || person.roles.includes('admin')
      const address = template.explanationOf(code, isAdmin ? undefined : language)
      return address === null ? null : html` <a href=${address}>${isAdmin ? error.meaning : words.help}</a>`
    }

    return {
      /** An error for a person, with one line that support can search for. */
      error: (problem: ErrorPage, person: Person | null = null) => {
        const { code, status, retryUrl, link } = problem
        const reason = template.reasonOf(code)
        const known = reason?.title?.[language]
        // A problem's own heading is English.
        const title =
          (language !== 'en' && known) || problem.title || known || STATUS_CODES[status] || error.refused
        const detail = sentenceOf(reason, language, problem.detail)
        // The hub has no pages on hosts other than its own.
        const there = status === 421 ? `${hubOrigin}/` : '/'
        return page(
          title,
          html`<div class="card">
            <h1>${title}</h1>
            <p>${detail}</p>
            <div class="actions">
              ${retryUrl === undefined ? null : html`<a class="button" href=${retryUrl}>${error.tryAgain}</a>`}
              <a class=${retryUrl === undefined ? 'button' : 'button plain'} href=${there}>${error.home}</a>
              ${link ? html`<a class="button plain" href=${link} rel="noreferrer">${error.learnMore}</a>` : null}
            </div>
            <p class="reference">${error.support}: <code data-copy>${`${code} ${problem.requestId}`}</code>${status === 421 ? null : meaning(code, person)}</p>
          </div>`,
          status === 421 ? { on: 'elsewhere' } : { user: person },
        )
      },

      /** A person may not open an app. Administrators see what decided. */
      denied: (problem: ErrorPage, details: DenialDetails) => {
        const { app, user, state, help, explanation: why } = details
        const reason = template.reasonOf(problem.code)
        const reader = { name: user, roles: why === null ? [] : ['admin'] }
        const title = (problem.code === 'locked' && reason?.title?.[language]) || error.denied(app)
        return page(
          title,
          html`<div class="stack">
            <div class="card">
              <div class="badge bad">${icon(problem.code === 'locked' ? 'lock' : 'refused')}</div>
              <h1>${title}</h1>
              <p>${denialText(error, problem.code, details, reason?.[language])}</p>
              <div class="actions">
                <a class=${help.length > 0 ? 'button plain' : 'button'} href="/">${error.home}</a>
                ${problem.link ? html`<a class="button plain" href=${problem.link} rel="noreferrer">${error.learnMore}</a>` : null}
                <form method="post" action="/web/logout">
                  <input type="hidden" name="again" value=${state} />
                  <button class="plain">${error.another}</button>
                </form>
              </div>
              <dl class="facts">
                <dt>${error.account}</dt><dd>${user}</dd>
                <dt>${error.reason}</dt><dd><code data-copy>${problem.code}</code>${meaning(problem.code, reader)}</dd>
                <dt>${error.request}</dt><dd><code data-copy>${problem.requestId}</code></dd>
                ${brand.contact === null ? null : [html`<dt>${error.contact}</dt>`, html`<dd>${brand.contact}</dd>`]}
              </dl>
            </div>
            ${help.map(helpCard)}
            ${why === null ? null : explanationBody(explanation, why.found, user, why.appName)}
          </div>`,
          {
            user: reader,
            width: why === null ? 'narrow' : 'column',
          },
        )
      },
    }

    /** What a plugin offers to somebody whom no policy lets in. */
    function helpCard({ title, text, path, body }: Help) {
      return html`<section class="card">
        <h2>${title}</h2>
        <p>${text}</p>
        ${body ?? null}
        ${path === undefined ? null : html`<div class="actions"><a class="button" href=${path}>${title}</a></div>`}
      </section>`
    }
  }
}

/** The page of a request that is refused before it reaches a route of the hub, or on a host of an app. */
export const refusalPageOf =
  ({ hubOrigin }: Pick<PublicNames, 'hubOrigin'>, reasonOf: Pages['reasonOf']) =>
  ({ status, code, message }: Problem, requestId: string, language: Language): PageLayout => {
    const words = texts[language].error
    const reason = reasonOf(code)
    const title = reason?.title?.[language] ?? STATUS_CODES[status] ?? words.refused
    // A host that is not served has no pages.
    const home = status === 421 ? `${hubOrigin}/` : '/'
    const body = html`<div class="card">
    <h1>${title}</h1>
    <p>${sentenceOf(reason, language, message)}</p>
    <div class="actions"><a class="button" href=${home}>${status === 421 ? words.home : words.start}</a></div>
    <dl class="facts"><dt>${words.reason}</dt><dd><code>${code}</code></dd><dt>${words.request}</dt><dd><code>${requestId}</code></dd></dl>
  </div>`
    return { title, body, language }
  }

/** The sentence for the person. A problem's own one, which may have names in it, is English. */
const sentenceOf = (reason: ReturnType<Pages['reasonOf']>, language: Language, detail: string): string =>
  (language !== 'en' && reason?.[language]) || detail

/** Says who may not open which app, and the message of the operator or the policy, or the next step. */
export function denialText(
  words: Texts['error'],
  code: string,
  { app, user, message, help = [] }: Pick<DenialDetails, 'app' | 'user' | 'message'> & Partial<DenialDetails>,
  ofReason?: string,
): string {
  const text = code === 'locked' ? words.lockedText(user, app) : words.deniedText(user, app)
  if (message === null && help.length > 0) return text
  // A role helps only if no role of the person reaches the app.
  const next = code === 'role_missing' || code === 'label_mismatch' ? words.askForAccess : words.askWhy
  return `${text} ${message ?? ofReason ?? next}`
}
