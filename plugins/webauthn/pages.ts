import { html, type Pages, type PublicNames } from '@mezite/core'
import type { Assets } from './assets.ts'

/** A passkey as its owner sees it. */
export interface ShownKey {
  readonly id: string
  readonly name: string
  readonly created: number
  readonly lastUsed: number | null
  readonly hardware: boolean
  readonly synced: boolean
}

/** The passkeys of a person, for the section of "My account". */
export interface Account {
  readonly keys: readonly ShownKey[]
  /** The person signs in with a passkey alone. */
  readonly local: boolean
  /** Passkeys may be changed now; else `againUrl` leads to a fresh sign-in. */
  readonly fresh: boolean
  readonly againUrl: string
  /** The page that the person wanted, once there is a passkey. */
  readonly continueUrl: string | null
  /** The first passkey needs a link from an administrator. */
  readonly byAdmin: boolean
}

type Body = Parameters<Pages['render']>[0]['body']

const status = () => html`<p class="status" role="status" aria-live="polite"></p>`
const noScript = () =>
  html`<noscript><p class="status bad">Passkeys need JavaScript. Enable it in this browser.</p></noscript>`
const glyph = () => html`<div class="badge"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M9 4a4 4 0 1 0 0 8a4 4 0 0 0 0-8M2.5 20c0-3.6 2.9-6 6.5-6c1.2 0 2.3.3 3.3.7M17 10.5a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 0 0 0-5.5M17 16v5l1.6-1.4" /></svg></div>`
const day = (at: number) => {
  const text = new Date(at).toISOString()
  return html`<time datetime=${text} data-show="day">${text.slice(0, 10)}</time>`
}

/** The plugin's pages. All arguments are escaped; scripts read their data from data attributes. */
export function createPages({
  pages,
  publicNames,
  assets,
}: {
  readonly pages: Pages
  readonly publicNames: Pick<PublicNames, 'clusterName'>
  readonly assets: Pick<Assets, 'paths'>
}) {
  const scripts = assets.paths
  const page = (title: string, body: Body, user: string | null = null) =>
    pages.render({ title, body, scripts, user: user === null ? null : { name: user, roles: [] } })
  const { contact } = pages.brand

  return {
    /** A role requires a passkey before this app opens. `missing`: why the person has no passkey for it. */
    confirm: (ask: {
      readonly user: string
      readonly app: string
      readonly state: string
      readonly level: string
      readonly missing: { readonly text: string; readonly addUrl: string | null } | null
    }) =>
      page(
        'Confirm with your passkey',
        ask.missing === null
          ? html`<div class="card" data-passkey="mfa" data-state=${ask.state} data-level=${ask.level}>
              ${glyph()}
              <h1>Confirm with your passkey</h1>
              <p>${ask.app} opens after you confirm that it is you, <strong>${ask.user}</strong>.</p>
              <div class="actions"><button data-go>Use your passkey</button><a class="button plain" href="/">Cancel</a></div>
              ${status()}${noScript()}
            </div>`
          : html`<div class="card">
              ${glyph()}
              <h1>A passkey is needed</h1>
              <p>${ask.app} opens after you confirm with a passkey. ${ask.missing.text}</p>
              <div class="actions">
                ${ask.missing.addUrl === null ? null : html`<a class="button" href=${ask.missing.addUrl}>Add a passkey</a>`}
                <a class="button plain" href="/">Your applications</a>
              </div>
            </div>`,
        ask.user,
      ),

    /** A login of `msh` needs a passkey before this app opens. */
    confirmProgram: (ask: {
      readonly user: string
      readonly app: string
      readonly session: string
      readonly port: number
      readonly hasKey: boolean
    }) =>
      page(
        'Confirm with your passkey',
        ask.hasKey
          ? html`<div class="card" data-passkey="program" data-session=${ask.session} data-app=${ask.app} data-port=${String(ask.port)}>
              ${glyph()}
              <h1>Confirm with your passkey</h1>
              <p>msh opens ${ask.app} in your terminal after you confirm that it is you, <strong>${ask.user}</strong>.</p>
              <p class="quiet">Continue only if you have just started msh app login yourself.</p>
              <div class="actions"><button data-go>Use your passkey</button><a class="button plain" href="/">Cancel</a></div>
              ${status()}${noScript()}
            </div>`
          : html`<div class="card">
              ${glyph()}
              <h1>A passkey is needed</h1>
              <p>${ask.app} opens after you confirm with a passkey. You have none yet.</p>
              <div class="actions"><a class="button" href="/web/account">Add a passkey</a><a class="button plain" href="/">Your applications</a></div>
            </div>`,
        ask.user,
      ),

    /** Sign-in of people without an identity provider. */
    signIn: (state: string) =>
      page(
        'Sign in with a passkey',
        html`<div class="card">
          ${glyph()}
          <h1>Sign in</h1>
          <p class="quiet">to ${publicNames.clusterName}, with the passkey on this device or on your security key</p>
          ${signInForm(state, true)}
        </div>`,
      ),

    /** The part of the hub's sign-in page for passkeys. */
    signInForm: (state: string) => ({ body: signInForm(state, false), scripts }),

    /** The page of an enrolment link. The token is in the fragment, which only the script sees. */
    enrol: (signInUrl: string) =>
      page(
        'Add a passkey',
        html`<div class="card" data-passkey="enrol">
          ${glyph()}
          <h1>Add a passkey</h1>
          <p data-when="ready" hidden>For <strong data-user></strong>. This link works once, until <time data-expires></time>.</p>
          <p data-when="login_required" hidden>This link is for <strong data-user></strong>. Sign in first; then you come back here.</p>
          <div data-when="ready" hidden>
            <p class="quiet">Continue on the device, or with the security key, that you want to use from now on.</p>
            <label for="name">Name of the passkey</label>
            <input id="name" name="name" maxlength="64" value="My passkey" autocomplete="off" />
            <div class="actions"><button data-go>Create the passkey</button></div>
          </div>
          ${status()}
          <div class="actions" data-when="login_required" hidden><a class="button" href=${signInUrl}>Sign in</a></div>
          <div class="actions" data-when="done" hidden><a class="button" href="/">Your applications</a></div>
          <div data-when="link_refused" hidden>
            <p class="quiet">Each link works once and for 15 minutes.${contact === null ? '' : ` Contact: ${contact}`}</p>
            <div class="actions"><a class="button plain" href="/">Sign in</a></div>
          </div>
          ${noScript()}
        </div>`,
      ),

    /** A person's own passkeys, a section of "My account". */
    account: (account: Account) => ({
      scripts,
      body: html`<section class="card" id="passkeys" data-passkey="account" data-keys=${String(account.keys.length)}>
        <h2>Passkeys</h2>
        <p class="quiet small">${
          account.local
            ? 'You sign in with a passkey. Keep two, in different places.'
            : 'Some applications ask for a passkey before they open.'
        }</p>
        ${account.keys.length === 0 ? html`<p>You have no passkey yet.</p>` : keyList(account)}
        ${
          account.continueUrl !== null && account.keys.length > 0
            ? html`<div class="actions"><a class="button" data-continue href=${account.continueUrl}>Continue</a></div>`
            : null
        }
        ${additions(account)}
        ${status()}
        ${noScript()}
      </section>`,
    }),
  }
}

/** The browser suggests passkeys in the field, and the button asks for one directly. */
function signInForm(state: string, alone: boolean) {
  return html`<div data-passkey="sign-in" data-state=${state}>
    <div data-autofill hidden>
      <label for="passkey-user">Passkey</label>
      <input id="passkey-user" name="username" autocomplete="username webauthn" autocapitalize="none" spellcheck="false" placeholder="Select one that this browser knows" />
    </div>
    <div class="actions"><button data-go class=${alone ? '' : 'wide'}>Use a passkey</button></div>
    ${status()}${noScript()}
  </div>`
}

function keyList({ keys, fresh }: Account) {
  return html`<ul class="list keys">
    ${keys.map(
      (key) => html`<li data-key=${key.id}>
        <div>
          <strong data-name>${key.name}</strong>
          <p class="quiet">Added ${day(key.created)}, ${key.lastUsed === null ? 'not used yet' : html`last used ${day(key.lastUsed)}`}</p>
          ${
            key.hardware || key.synced
              ? html`<ul class="tags"><li>${key.hardware ? 'hardware passkey' : 'synced passkey'}</li></ul>`
              : null
          }
        </div>
        <div class="tools">
          <button class="plain small" data-rename aria-label=${`Rename ${key.name}`}>Rename</button>
          ${
            fresh && keys.length > 1
              ? html`<details class="confirm">
                <summary class="danger plain" aria-label=${`Remove ${key.name}`}>Remove</summary>
                <div>
                  <p>This removes ${key.name} for good. You confirm with one of your passkeys.</p>
                  <button class="danger small" data-remove>Remove ${key.name}</button>
                </div>
              </details>`
              : null
          }
        </div>
      </li>`,
    )}
  </ul>`
}

function additions({ keys, fresh, againUrl, byAdmin }: Account) {
  if (byAdmin) {
    return html`<p>To add your first passkey, ask an administrator for a link (<code>mezctl users add-mfa</code>).</p>`
  }
  if (!fresh) {
    return html`<p class="note">To add or remove a passkey, sign in again: your sign-in is more than 10 minutes old.</p>
      <div class="actions"><a class="button plain" href=${againUrl}>Sign in again</a></div>`
  }
  return html`<label for="name">Name of the new passkey</label>
    <input id="name" name="name" maxlength="64" value="My passkey" autocomplete="off" />
    ${keys.length > 0 ? html`<p class="quiet small">You will be asked for one of your passkeys first.</p>` : null}
    ${keys.length === 1 ? html`<p class="quiet small">Only an administrator can remove your last passkey.</p>` : null}
    <div class="actions"><button data-add class=${keys.length > 0 ? 'plain' : ''}>Add a passkey</button></div>`
}
