import { STATUS_CODES } from 'node:http'
import type { PublicNames } from '../../../api/web-routes.ts'
import type { ErrorPage } from '../../api-server/error-response.ts'
import { html } from './html.ts'
import { renderPage } from './layout.ts'
import { sessionsBody } from './sessions-page.ts'

export interface HomeApp {
  readonly name: string
  readonly description: string | null
  readonly labels: Readonly<Record<string, string>>
  readonly enabled: boolean
  /** Where Launch leads; null for an app that no browser speaks to. */
  readonly url: string | null
}

/** Sentences for people in place of the bare status phrase. */
const TITLES: Readonly<Record<string, string>> = {
  app_unknown: 'No such application',
  not_found: 'No such page',
  misdirected_request: 'There is nothing at this address',
  state_expired: 'This sign-in has expired',
  state_invalid: 'This sign-in cannot go on',
  state_spent: 'This sign-in cannot go on',
  bad_target: 'This link is not complete',
  bad_cli_login: 'This link is not complete',
  role_missing: 'You cannot open this application',
  label_denied: 'You cannot open this application',
  locked: 'Your access is locked',
  app_disabled: 'This application is switched off',
  sign_in_unavailable: 'Sign-in is not available',
  view_stale: 'One moment, please',
  session_mfa_required: 'A security key is required',
  device_trust_required: 'A trusted device is required',
}

/** The hub's own pages, rendered on the server, without script. Everything that is passed in is escaped. */
export function createPages({ clusterName, hubOrigin }: Pick<PublicNames, 'clusterName' | 'hubOrigin'>) {
  const page = (title: string, body: Parameters<typeof renderPage>[0]['body'], more: object = {}) =>
    renderPage({ title, clusterName, body, ...more })

  return {
    /** Several ways to sign in; `href` of each begins it. */
    chooser: (
      choices: readonly { readonly title: string; readonly href: string }[],
      appName: string | null,
    ) =>
      page(
        'Sign in',
        html`<div class="card">
          <h1>Sign in</h1>
          <p class="quiet">${appName ? `to continue to ${appName}` : `to ${clusterName}`}</p>
          <ul class="choices">
            ${choices.map(({ title, href }) => html`<li><a class="button" href=${href}>Continue with ${title}</a></li>`)}
          </ul>
        </div>`,
      ),

    /** Who you are, your apps, sign out. */
    home: (
      user: string,
      roles: readonly string[],
      apps: readonly HomeApp[],
      links: readonly { readonly title: string; readonly href: string }[] = [],
      /** Why no application opens although roles would open some. */
      locked: string | null = null,
    ) =>
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
                : html`<div class="card"><p>No application is open to you.</p>
                  <p class="quiet">${
                    roles.length > 0
                      ? 'None of your roles opens one at the moment.'
                      : 'Access comes with a role.'
                  } Ask an administrator of ${clusterName}.</p></div>`
          }`,
        { wide: true },
      ),

    /** A person's own sessions. */
    sessions: (...shown: Parameters<typeof sessionsBody>) =>
      page('Your sessions', sessionsBody(...shown), { wide: true }),

    /** GET of the sign-out: a click ends the session, nothing else does. */
    signOut: (user: string) =>
      page(
        'Sign out',
        html`<div class="card">
          <h1>Sign out of everything?</h1>
          <p>You are signed in as <strong>${user}</strong>. This ends your session here and in all applications, open connections included.</p>
          <form class="actions" method="post" action="/web/logout">
            <button>Sign out</button><a class="button plain" href="/">Stay signed in</a>
          </form>
        </div>`,
      ),

    signedOut: () =>
      page(
        'Signed out',
        html`<div class="card">
          <h1>You are signed out</h1>
          <p class="quiet">Your session and everything that was open with it have ended.</p>
          <div class="actions"><a class="button" href="/">Sign in again</a></div>
        </div>`,
      ),

    /** Signed out here; on to the provider. */
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

    /** Asks for a click before a command line gets a credential. */
    cliAsk: (ask: {
      program: string
      machine: string
      user: string
      fields: Readonly<Record<string, string>>
    }) =>
      page(
        'Allow a command line',
        html`<div class="card">
          <h1>Allow ${ask.program} on ${ask.machine}?</h1>
          <p>It will act as <strong>${ask.user}</strong> until its credential expires.</p>
          <p class="quiet">Continue only if you have just started this sign-in yourself, on that machine.</p>
          <form class="actions" method="post" action="/web/cli">
            ${Object.entries(ask.fields).map(([name, value]) => html`<input type="hidden" name=${name} value=${value} />`)}
            <button>Allow</button><a class="button plain" href="/">Cancel</a>
          </form>
        </div>`,
      ),

    /** The code for a machine whose browser is elsewhere. */
    cliCode: (program: string, code: string) =>
      page(
        'Your code',
        html`<div class="card">
          <h1>Paste this code into ${program}</h1>
          <span class="code">${code}</span>
          <p class="quiet">It works once, within two minutes, and only in the terminal where the sign-in began.</p>
        </div>`,
      ),

    /** A refusal, in words, with what support needs to find it. */
    error: (problem: ErrorPage) => {
      const title = TITLES[problem.code] ?? STATUS_CODES[problem.status] ?? 'Error'
      // The hub has no pages on a host that is not its own.
      const home = problem.status === 421 ? `${hubOrigin}/` : '/'
      return page(
        title,
        html`<div class="card">
          <h1>${title}</h1>
          <p>${problem.detail}</p>
          <div class="actions"><a class="button" href=${home}>Your applications</a></div>
          <dl><dt>Reason</dt><dd><code>${problem.code}</code></dd><dt>Request</dt><dd><code>${problem.requestId}</code></dd></dl>
        </div>`,
        { home },
      )
    },
  }
}

export type Pages = ReturnType<typeof createPages>

function appCard({ name, description, labels, enabled, url }: HomeApp) {
  const tags = Object.entries(labels)
  return html`<li class="card">
    <h3>${name}</h3>
    ${description ? html`<p class="quiet">${description}</p>` : null}
    ${
      tags.length > 0 || !enabled
        ? html`<ul class="tags">
          ${enabled ? null : html`<li class="off">switched off</li>`}
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
