import { html, type Pages, type SignInMethod, type WebRoutes } from '@mezite/core'
import { type Account, accountBody } from './account-page.ts'
import { fragmentScriptPath } from './fragment-script.ts'
import { icon, picture } from './icon.ts'
import { type Language, texts } from './texts.ts'

type PageLayout = Parameters<Pages['render']>[0]
type SignInForm = NonNullable<ReturnType<NonNullable<SignInMethod['form']>>>
type HomeView = Parameters<NonNullable<WebRoutes['home']>>[1]
type HomeApp = HomeView['apps'][number]

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
export function createSignInPages(template: Pages) {
  return (language: Language) => {
    const { signIn, home, signOut, account } = texts[language]
    const { brand } = template
    const page = (title: string, body: PageLayout['body'], more: Partial<PageLayout> = {}) =>
      template.render({ title, body, language, ...more })

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
                ? html`<ul class="apps">${apps.map((app) => appCard(home, app))}</ul>`
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
    }
  }
}

/** One application on the home page. */
function appCard(
  home: (typeof texts)[Language]['home'],
  { name, display, description: own, labels, url, state }: HomeApp,
) {
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
  return found === undefined ? icon('signin') : picture(found[1])
}
