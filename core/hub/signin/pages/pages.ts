import { STATUS_CODES } from 'node:http'
import type { Help } from '../../../api/denial-help.ts'
import { html, type Language, type Markup, type PageLayout, type Pages } from '../../../api/pages.ts'
import type { SignInForm } from '../../../api/sign-in.ts'
import type { HomeApp, HomeView, PublicNames } from '../../../api/web-routes.ts'
import { icon } from '../../../pages/icons.ts'
import { texts } from '../../../pages/texts.ts'
import type { ErrorPage } from '../../api-server/error-response.ts'
import { type DenialDetails, denialText } from '../access-denied.ts'
import { type Account, accountBody } from './account-page.ts'
import { explanationBody } from './explanation.ts'
import { fragmentScriptPath } from './fragment-script.ts'

interface Choice {
  readonly title: string
  readonly href: string
  readonly host?: string | undefined
  /** Opens applications, unlike the others. */
  readonly preferred: boolean
}
type Person = NonNullable<PageLayout['user']>

/** The sign-in host's own pages in one language, rendered without script. All values are escaped. */
export type SignInPages = ReturnType<ReturnType<typeof createSignInPages>>

/** The pages for each language. */
export function createSignInPages(template: Pages, { hubOrigin }: Pick<PublicNames, 'hubOrigin'>) {
  return (language: Language) => {
    const { signIn, home, signOut, error, explanation, account } = texts[language]
    const { brand } = template
    const page = (title: string, body: Markup, more: Partial<PageLayout> = {}) =>
      template.render({ title, body, language, ...more })
    const meaning = (code: string) => {
      const address = template.explanationOf(code)
      return address === null ? null : html` <a href=${address}>${error.meaning}</a>`
    }

    return {
      /**
       * The ways to sign in; each `href` starts one. `appHost` is what the person asked for: it is named whether there is
       * such an app or not.
       */
      chooser: (choices: readonly Choice[], forms: readonly SignInForm[], appHost: string | null) => {
        const [before, host, after] = signIn.toApp(appHost ?? '', brand.name)
        const [first, others] = [true, false].map((one) =>
          choices.filter(({ preferred }) => preferred === one),
        ) as [Choice[], Choice[]]
        const buttons = (some: readonly Choice[]) => html`<ul class="choices">
          ${some.map(({ title, href, host, preferred }) => html`<li><a class=${preferred ? 'button' : 'button plain'} href=${href}>${providerIcon(host)} ${signIn.continueWith(title)}</a></li>`)}
        </ul>`
        return page(
          signIn.title,
          html`<div class="card">
            <div class="badge">${icon('signin')}</div>
            <h1>${signIn.title}</h1>
            <p class="quiet">${appHost === null ? signIn.to(brand.name) : [before, html`<strong>${host}</strong>`, after]}</p>
            ${first.length > 0 ? buttons(first) : null}
            ${forms.map(({ body }) => body)}
            ${forms.length > 0 && others.length > 0 ? html`<p class="or">${signIn.or}</p>` : null}
            ${buttons(others)}
          </div>`,
          { scripts: forms.flatMap(({ scripts }) => scripts) },
        )
      },

      /** Before a sign-in: stores the fragment of the URL, then continues at `target` followed by 1, or 0 without a fragment. */
      keepFragment: (target: string) =>
        page(
          signIn.title,
          html`<div class="card" data-fragment data-keep=${target}>
            <p class="quiet">${signIn.moment}</p>
            <noscript><meta http-equiv="refresh" content=${`0; url=${target}0`} /></noscript>
          </div>`,
          { scripts: [fragmentScriptPath] },
        ),

      /** After a sign-in: continues at `target` with the fragment that `keepFragment` stored. */
      restoreFragment: (target: string) =>
        page(
          signIn.title,
          html`<div class="card" data-fragment data-restore=${target}>
            <p class="quiet">${signIn.moment}</p>
            <noscript><meta http-equiv="refresh" content=${`0; url=${target}`} /></noscript>
          </div>`,
          { scripts: [fragmentScriptPath] },
        ),

      /** The person's apps. `locked` explains why the person's roles open no app. */
      home: ({ user, roles, apps, locked, offers = [] }: HomeView) =>
        page(
          home.title,
          html`<h1>${home.title}</h1><div class="stack">
            ${
              apps.length > 0
                ? html`<ul class="apps">${apps.map((app) => appCard(app))}</ul>`
                : locked !== null
                  ? html`<div class="card"><p>${home.locked}</p><p class="quiet">${locked}</p></div>`
                  : html`<div class="card"><p>${home.none}</p><p class="quiet">${home.ask}</p></div>`
            }
            ${
              offers.length > 0
                ? html`<section class="card"><h2>${home.offers}</h2><ul class="list">${offers.map(({ title, path }) => html`<li><a href=${path}>${title}</a></li>`)}</ul></section>`
                : null
            }</div>`,
          { width: 'wide', user: { name: user, roles }, current: '/' },
        ),

      account: (shown: Account, person: Person, scripts: readonly string[]) =>
        page(account.title, accountBody(account, shown), {
          width: 'column',
          user: person,
          current: '/web/account',
          scripts,
        }),

      /** Page for GET of the sign-out: only a click ends a session. */
      signOut: (user: string, others: { readonly signIns: number; readonly terminals: number }) => {
        const [before, name, after] = signOut.ends(user)
        return page(
          signOut.title,
          html`<div class="card">
            <h1>${signOut.question}</h1>
            <p>${before}<strong>${name}</strong>${after}</p>
            <ul>
              <li>${signOut.thisBrowser}</li>
              ${others.signIns > 0 ? html`<li>${signOut.others(others.signIns)}</li>` : null}
              ${others.terminals > 0 ? html`<li>${signOut.terminals(others.terminals)}</li>` : null}
            </ul>
            <p class="quiet">${signOut.cut}</p>
            <div class="actions">
              <form method="post" action="/web/logout">
                <input type="hidden" name="everywhere" value="1" />
                <button class="danger">${signOut.everywhere}</button>
              </form>
              <form method="post" action="/web/logout"><button class="plain">${signOut.here}</button></form>
              <a class="button plain" href="/">${signOut.stay}</a>
            </div>
          </div>`,
        )
      },

      signedOut: () =>
        page(
          signOut.doneTitle,
          html`<div class="card">
            <div class="badge good">${icon('check')}</div>
            <h1>${signOut.doneTitle}</h1>
            <p class="quiet">${signOut.doneText}</p>
            <div class="actions"><a class="button" href="/">${signOut.again}</a></div>
          </div>`,
        ),

      /** Shown after the sign-out here, while the browser continues to the provider. */
      leaving: (url: string) =>
        page(
          signOut.leavingTitle,
          html`<div class="card">
            <h1>${signOut.leavingTitle}</h1>
            <p class="quiet">${signOut.leavingText}</p>
            <div class="actions"><a class="button" href=${url}>${signOut.continue}</a></div>
          </div>`,
          { forwardTo: url },
        ),

      /** An error for a person, with one line that support can search for. */
      error: (problem: ErrorPage, person: Person | null = null) => {
        const { code, status, retryUrl, link } = problem
        const known = Object.hasOwn(error.titles, code) ? error.titles[code] : undefined
        // A problem's own heading is English.
        const title =
          (language !== 'en' && known) || problem.title || known || STATUS_CODES[status] || error.refused
        const detail = Object.hasOwn(error.details, code) ? error.details[code] : problem.detail
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
            <p class="reference">${error.support}: <code data-copy>${`${code} ${problem.requestId}`}</code>${status === 421 ? null : meaning(code)}</p>
          </div>`,
          status === 421 ? { on: 'elsewhere' } : { user: person },
        )
      },

      /** A person may not open an app. Administrators see what decided. */
      denied: (problem: ErrorPage, details: DenialDetails) => {
        const { app, user, state, help, explanation: why } = details
        const title = (problem.code === 'locked' && error.titles.locked) || error.denied(app)
        return page(
          title,
          html`<div class="stack">
            <div class="card">
              <div class="badge bad">${icon(problem.code === 'locked' ? 'lock' : 'refused')}</div>
              <h1>${title}</h1>
              <p>${denialText(error, problem.code, details)}</p>
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
                <dt>${error.reason}</dt><dd><code data-copy>${problem.code}</code>${meaning(problem.code)}</dd>
                <dt>${error.request}</dt><dd><code data-copy>${problem.requestId}</code></dd>
                ${brand.contact === null ? null : [html`<dt>${error.contact}</dt>`, html`<dd>${brand.contact}</dd>`]}
              </dl>
            </div>
            ${help.map(helpCard)}
            ${why === null ? null : explanationBody(explanation, why.found, user, why.appName)}
          </div>`,
          {
            user: { name: user, roles: why === null ? [] : ['admin'] },
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

    function appCard({ name, display, description: own, labels, url, state }: HomeApp) {
      const title = display?.name ?? name
      const description = display?.description ?? own
      const tags = Object.entries(labels)
      const away = state !== 'ready'
      return html`<li class="card">
        <h2>${title}</h2>
        ${description ? html`<p class="quiet">${description}</p>` : null}
        ${away || tags.length > 0 ? html`<ul class="tags">${away ? html`<li class="warn">${home.away}</li>` : null}${tags.map(([key, value]) => html`<li>${`${key}: ${value}`}</li>`)}</ul>` : null}
        ${
          url === null
            ? html`<p class="go"><code data-copy>${`msh app login ${name}`}</code></p>`
            : html`<p class="go"><a class="button" href=${url} aria-label=${home.launchNamed(title)}>${home.launch}</a></p>`
        }
      </li>`
    }
  }
}

/** Own plain drawings for well-known providers, by the end of their host name. */
const KNOWN: readonly (readonly [host: string, path: string])[] = [
  ['google.com', 'M20 12h-8M20 12a8 8 0 1 1-2.6-5.9'],
  ['microsoftonline.com', 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z'],
  ['windows.net', 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z'],
  ['okta.com', 'M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16M12 8.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7'],
  ['auth0.com', 'M12 3.5l7 3v6c0 4-3 6.5-7 8c-4-1.5-7-4-7-8v-6zM12 9v5M9.5 11.5h5'],
  ['gitlab.com', 'M3.5 13L6 5l2.5 6h7L18 5l2.5 8L12 20z'],
  [
    'github.com',
    'M7 5v14M7 12c5 0 10-1 10-5M17 7a1.5 1.5 0 1 0 0-3a1.5 1.5 0 0 0 0 3M7 5a1.5 1.5 0 1 0 0-1M7 20a1.5 1.5 0 1 0 0-1',
  ],
]

/** The icon of a sign-in choice: of a well-known provider, or a general one. */
function providerIcon(host: string | undefined) {
  const found = KNOWN.find(([known]) => host === known || host?.endsWith(`.${known}`))
  return found === undefined
    ? icon('signin')
    : html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${found[1]} /></svg>`
}
