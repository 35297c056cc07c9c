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

export interface Account {
  readonly user: string
  readonly roles: readonly string[]
  readonly keys: readonly ShownKey[]
  readonly local: boolean
  /** Passkeys may be changed now; else `againUrl` leads to a fresh sign-in. */
  readonly fresh: boolean
  readonly againUrl: string
  /** The page that the person wanted, once there is a passkey. */
  readonly continueUrl: string | null
  /** The first passkey needs a link from an administrator. */
  readonly byAdmin: boolean
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10)
const status = () => html`<p class="status" role="status" aria-live="polite"></p>`
const noScript = () =>
  html`<noscript><p class="status bad">Passkeys need JavaScript. Enable it in this browser.</p></noscript>`

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
  const page = (title: string, body: Parameters<Pages['render']>[0]['body']) =>
    pages.render({ title, body, scripts: assets.paths })

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
              <h1>Confirm with your passkey</h1>
              <p>${ask.app} opens after you confirm that it is you, <strong>${ask.user}</strong>.</p>
              <div class="actions"><button data-go>Use your passkey</button><a class="button plain" href="/">Cancel</a></div>
              ${status()}${noScript()}
            </div>`
          : html`<div class="card">
              <h1>A passkey is needed</h1>
              <p>${ask.app} opens after you confirm with a passkey. ${ask.missing.text}</p>
              <div class="actions">
                ${ask.missing.addUrl === null ? null : html`<a class="button" href=${ask.missing.addUrl}>Add a passkey</a>`}
                <a class="button plain" href="/">Your applications</a>
              </div>
            </div>`,
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
              <h1>Confirm with your passkey</h1>
              <p>msh opens ${ask.app} in your terminal after you confirm that it is you, <strong>${ask.user}</strong>.</p>
              <p class="quiet">Continue only if you have just started msh app login yourself.</p>
              <div class="actions"><button data-go>Use your passkey</button><a class="button plain" href="/">Cancel</a></div>
              ${status()}${noScript()}
            </div>`
          : html`<div class="card">
              <h1>A passkey is needed</h1>
              <p>${ask.app} opens after you confirm with a passkey. You have none yet.</p>
              <div class="actions"><a class="button" href="/web/account">Add a passkey</a><a class="button plain" href="/">Your applications</a></div>
            </div>`,
      ),

    /** Sign-in of people without an identity provider. */
    signIn: (state: string) =>
      page(
        'Sign in with a passkey',
        html`<div class="card" data-passkey="sign-in" data-state=${state}>
          <h1>Sign in</h1>
          <p class="quiet">to ${publicNames.clusterName}, with the passkey on this device or on your security key</p>
          <div class="actions"><button data-go>Use a passkey</button></div>
          ${status()}${noScript()}
        </div>`,
      ),

    /** The page of an enrolment link. The token is in the fragment, which only the script sees. */
    enrol: (signedIn: string | null, signInUrl: string) =>
      page(
        'Add a passkey',
        html`<div class="card" data-passkey="enrol" data-user=${signedIn ?? ''}>
          <h1>Add a passkey</h1>
          <div data-form>
            <p>This link works once. Continue on the device, or with the security key, that you want to use from now on.</p>
            <label for="name">Name of the passkey</label>
            <input id="name" name="name" maxlength="64" value="My passkey" autocomplete="off" />
            <div class="actions"><button data-go>Create the passkey</button></div>
          </div>
          ${status()}
          <div class="actions" data-when="login_required" hidden><a class="button" href=${signInUrl} target="_blank">Sign in first</a></div>
          <div class="actions" data-when="done" hidden><a class="button" href="/">Continue</a></div>
          ${noScript()}
        </div>`,
      ),

    /** A person's own passkeys. */
    account: (account: Account) =>
      page(
        'Your passkeys',
        html`<div class="card" data-passkey="account" data-keys=${String(account.keys.length)}>
          <h1>Your passkeys</h1>
          <p class="quiet">${account.user}. ${
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
          ${revisions(account)}
          ${status()}
          ${noScript()}
          <div class="actions">
            <a class="button plain" href="/web/sessions">Your sessions</a>
            <a class="button plain" href="/">Your applications</a>
          </div>
        </div>`,
      ),
  }
}

function keyList({ keys, fresh }: Account) {
  return html`<ul class="list keys">
    ${keys.map(
      (key) => html`<li data-key=${key.id}>
        <div>
          <strong data-name>${key.name}</strong>
          <p class="quiet">
            added ${day(key.created)}${key.lastUsed === null ? ', not used yet' : `, last used ${day(key.lastUsed)}`}
          </p>
          ${
            key.hardware || key.synced
              ? html`<ul class="tags"><li>${key.hardware ? 'hardware passkey' : 'synced passkey'}</li></ul>`
              : null
          }
        </div>
        <div class="tools">
          <button class="plain" data-rename aria-label=${`Rename ${key.name}`}>Rename</button>
          ${
            fresh && keys.length > 1
              ? html`<button class="plain" data-remove aria-label=${`Remove ${key.name}`}>Remove</button>`
              : null
          }
        </div>
      </li>`,
    )}
  </ul>`
}

function revisions({ keys, fresh, againUrl, byAdmin }: Account) {
  if (byAdmin) {
    return html`<p>To add your first passkey, ask an administrator for a link (<code>mezctl users add-mfa</code>).</p>`
  }
  if (!fresh) {
    return html`<p>To add or remove a passkey, sign in again: your sign-in is more than 10 minutes old.</p>
      <div class="actions"><a class="button" href=${againUrl}>Sign in again</a></div>`
  }
  return html`<label for="name">Name of the new passkey</label>
    <input id="name" name="name" maxlength="64" value="My passkey" autocomplete="off" />
    ${keys.length > 0 ? html`<p class="quiet">You will be asked for one of your passkeys first.</p>` : null}
    ${keys.length === 1 ? html`<p class="quiet">Only an administrator can remove your last passkey.</p>` : null}
    <div class="actions"><button data-add class=${keys.length > 0 ? 'plain' : ''}>Add a passkey</button></div>`
}
