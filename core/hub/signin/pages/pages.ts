import { STATUS_CODES } from 'node:http'
import type { PageLayout, Pages } from '../../../api/pages.ts'
import type { HomeApp, HomeView, PublicNames } from '../../../api/web-routes.ts'
import type { ErrorPage } from '../../api-server/error-response.ts'
import { html } from '../../pages/html.ts'
import { fragmentScriptPath } from './fragment-script.ts'
import { sessionsBody } from './sessions-page.ts'

/** Headings that replace the plain status phrase. */
const TITLES: Readonly<Record<string, string>> = {
  app_unknown: 'No such application',
  not_found: 'No such page',
  misdirected_request: 'There is nothing at this address',
  state_expired: 'This sign-in has expired',
  state_invalid: 'This sign-in cannot continue',
  state_spent: 'This sign-in cannot continue',
  bad_target: 'This link is not complete',
  role_missing: 'You cannot open this application',
  label_mismatch: 'You cannot open this application',
  label_denied: 'You cannot open this application',
  locked: 'Your access is locked',
  app_disabled: 'This application is switched off',
  sign_in_unavailable: 'Sign-in is not available',
  login_required: 'Your sign-in has ended',
  view_stale: 'One moment, please',
  handler_timeout: 'This took too long',
  internal_error: 'Something went wrong',
  sign_in_failed: 'Sign-in failed',
}

/** The hub's own pages, rendered on the server without script. All values are escaped. */
export function createSignInPages(
  template: Pages,
  { clusterName, hubOrigin }: Pick<PublicNames, 'clusterName' | 'hubOrigin'>,
) {
  const page = (title: string, body: PageLayout['body'], more: Partial<PageLayout> = {}) =>
    template.render({ title, body, ...more })

  return {
    /** Lists the ways to sign in; each `href` starts one. */
    chooser: (choices: readonly { readonly title: string; readonly href: string }[]) =>
      page(
        'Sign in',
        html`<div class="card">
          <h1>Sign in</h1>
          <p class="quiet">to ${clusterName}</p>
          <ul class="choices">
            ${choices.map(({ title, href }) => html`<li><a class="button" href=${href}>Continue with ${title}</a></li>`)}
          </ul>
        </div>`,
      ),

    /** Before a sign-in: stores the fragment of the URL, then continues at `target` followed by 1, or 0 without a fragment. */
    keepFragment: (target: string) =>
      page(
        'Sign in',
        html`<div class="card" data-fragment data-keep=${target}>
          <p class="quiet">One moment, please.</p>
          <noscript><meta http-equiv="refresh" content=${`0; url=${target}0`} /></noscript>
        </div>`,
        { scripts: [fragmentScriptPath] },
      ),

    /** After a sign-in: continues at `target` with the fragment that `keepFragment` stored. */
    restoreFragment: (target: string) =>
      page(
        'Signed in',
        html`<div class="card" data-fragment data-restore=${target}>
          <p class="quiet">One moment, please.</p>
          <noscript><meta http-equiv="refresh" content=${`0; url=${target}`} /></noscript>
        </div>`,
        { scripts: [fragmentScriptPath] },
      ),

    /** The person, their apps and sign-out. `locked` explains why the person's roles open no app. */
    home: ({ user, roles, apps, links, locked }: HomeView) =>
      page(
        'Your applications',
        html`<div class="card row">
            <div>
              <h1>${user}</h1>
              ${
                roles.length > 0
                  ? html`<ul class="tags" aria-label="Roles">${roles.map((role) => html`<li>${role}</li>`)}</ul>`
                  : html`<p class="quiet">You have no roles yet.</p>`
              }
            </div>
            <div class="row">
              ${links.map(({ title, href }) => html`<a class="button plain" href=${href}>${title}</a>`)}
              <form method="post" action="/web/logout"><button class="plain">Sign out</button></form>
            </div>
          </div>
          <h2>Your applications</h2>
          ${
            apps.length > 0
              ? html`<ul class="apps">${apps.map(appCard)}</ul>`
              : locked !== null
                ? html`<div class="card"><p>${TITLES.locked}.</p><p class="quiet">${locked}</p></div>`
                : html`<div class="card"><p>You have no applications yet.</p>
                  <p class="quiet">Ask your administrator for access.</p></div>`
          }`,
        { width: 'wide' },
      ),

    /** A person's own sessions. */
    sessions: (...shown: Parameters<typeof sessionsBody>) =>
      page('Your sessions', sessionsBody(...shown), { width: 'wide' }),

    /** Page for GET of the sign-out: only a click ends a session. */
    signOut: (user: string, others: { readonly signIns: number; readonly terminals: number }) =>
      page(
        'Sign out',
        html`<div class="card">
          <h1>Sign out everywhere?</h1>
          <p>You are signed in as <strong>${user}</strong>. This ends:</p>
          <ul>
            <li>your sign-in in this browser, with all its applications</li>
            ${others.signIns > 0 ? html`<li>${plural(others.signIns, 'other sign-in')} (browsers and mezctl)</li>` : null}
            ${others.terminals > 0 ? html`<li>${plural(others.terminals, 'login')} of msh</li>` : null}
          </ul>
          <p class="quiet">Open connections are cut.</p>
          <form class="actions" method="post" action="/web/logout">
            <input type="hidden" name="everywhere" value="1" />
            <button class="danger">Sign out everywhere</button>
          </form>
          <form class="actions" method="post" action="/web/logout">
            <button class="plain">Only this browser</button><a class="button plain" href="/">Stay signed in</a>
          </form>
        </div>`,
      ),

    signedOut: () =>
      page(
        'Signed out',
        html`<div class="card">
          <h1>You are signed out</h1>
          <p class="quiet">Your session has ended, and its open connections were cut.</p>
          <div class="actions"><a class="button" href="/">Sign in again</a></div>
        </div>`,
      ),

    /** Shown after the sign-out here, while the browser continues to the provider. */
    leaving: (url: string) =>
      page(
        'Signing out',
        html`<div class="card">
          <h1>Signed out here</h1>
          <p class="quiet">Now signing you out at your identity provider.</p>
          <div class="actions"><a class="button" href=${url}>Continue</a></div>
        </div>`,
        { forwardTo: url },
      ),

    /** An error for a person, with one line that support can search for. */
    error: (problem: ErrorPage) => {
      const title = problem.title || TITLES[problem.code] || STATUS_CODES[problem.status] || 'Error'
      // The hub has no pages on hosts other than its own.
      const home = problem.status === 421 ? `${hubOrigin}/` : '/'
      const { retryUrl } = problem
      return page(
        title,
        html`<div class="card">
          <h1>${title}</h1>
          <p>${problem.detail}</p>
          <div class="actions">
            ${retryUrl === undefined ? null : html`<a class="button" href=${retryUrl}>Try again</a>`}
            <a class=${retryUrl === undefined ? 'button' : 'button plain'} href=${home}>Your applications</a>
            ${problem.link ? html`<a class="button plain" href=${problem.link}>Learn more</a>` : null}
          </div>
          <p class="reference">For support: <code>${`${problem.code} ${problem.requestId}`}</code></p>
        </div>`,
        problem.status === 421 ? { on: 'elsewhere' } : {},
      )
    },
  }
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

export type SignInPages = ReturnType<typeof createSignInPages>

function appCard({ name, description, labels, url, state }: HomeApp) {
  const tags = Object.entries(labels)
  const away = state !== 'ready'
  return html`<li class="card">
    <h3>${name}</h3>
    ${description ? html`<p class="quiet">${description}</p>` : null}
    ${
      tags.length > 0 || away
        ? html`<ul class="tags">
          ${away ? html`<li class="warn">not responding</li>` : null}
          ${tags.map(([key, value]) => html`<li>${`${key}: ${value}`}</li>`)}
        </ul>`
        : null
    }
    ${
      url === null
        ? html`<p class="go"><code>msh app login ${name}</code></p>`
        : html`<p class="go"><a class="button" href=${url} aria-label=${`Launch ${name}`}>Launch</a></p>`
    }
  </li>`
}
