import { html } from '@mezite/core'
import { nameField, noScript, scriptWords, status } from './page-parts.ts'
import type { ScriptWords } from './script-problems.ts'
import type { Words } from './texts.ts'

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

const day = (at: number) => {
  const text = new Date(at).toISOString()
  return html`<time datetime=${text} data-show="day">${text.slice(0, 10)}</time>`
}

/** A person's own passkeys, a section of "My account". */
export function accountSection(words: ScriptWords, account: Account) {
  const { title, local, confirms, none, continue: onward } = words.account
  const { keys, continueUrl } = account
  return html`<section class="card" id="passkeys" data-passkey="account" data-words=${scriptWords(words)} data-keys=${String(keys.length)}>
    <h2>${title}</h2>
    <p class="quiet small">${account.local ? local : confirms}</p>
    ${keys.length === 0 ? html`<p>${none}</p>` : keyList(words.account, account)}
    ${
      continueUrl !== null && keys.length > 0
        ? html`<div class="actions"><a class="button" data-continue href=${continueUrl}>${onward}</a></div>`
        : null
    }
    ${additions(words, account)}
    ${status()}
    ${noScript(words)}
  </section>`
}

function keyList(words: Words['account'], { keys, fresh }: Account) {
  return html`<ul class="list keys">
    ${keys.map(
      (key) => html`<li data-key=${key.id}>
        <div>
          <strong data-name>${key.name}</strong>
          <p class="quiet">${words.added} ${day(key.created)}, ${key.lastUsed === null ? words.unused : html`${words.lastUsed} ${day(key.lastUsed)}`}</p>
          ${
            key.hardware || key.synced
              ? html`<ul class="tags"><li>${key.hardware ? words.hardware : words.synced}</li></ul>`
              : null
          }
        </div>
        <div class="tools">
          <button class="plain small" data-rename aria-label=${words.renameNamed(key.name)}>${words.rename}</button>
          ${
            fresh && keys.length > 1
              ? html`<details class="confirm">
                <summary class="danger plain" aria-label=${words.removeNamed(key.name)}>${words.remove}</summary>
                <div>
                  <p>${words.removeText(key.name)}</p>
                  <button class="danger small" data-remove>${words.removeNamed(key.name)}</button>
                </div>
              </details>`
              : null
          }
        </div>
      </li>`,
    )}
  </ul>`
}

function additions(words: Words, { keys, fresh, againUrl, byAdmin }: Account) {
  const { byAdmin: ask, stale, again, newKeyName, firstConfirm, last } = words.account
  if (byAdmin) return html`<p>${ask[0]}<code>mezctl users add-mfa</code>${ask[1]}</p>`
  if (!fresh) {
    return html`<p class="note">${stale}</p>
      <div class="actions"><a class="button plain" href=${againUrl}>${again}</a></div>`
  }
  return html`${nameField(words, newKeyName)}
    ${keys.length > 0 ? html`<p class="quiet small">${firstConfirm}</p>` : null}
    ${keys.length === 1 ? html`<p class="quiet small">${last}</p>` : null}
    <div class="actions"><button data-add class=${keys.length > 0 ? 'plain' : ''}>${words.add}</button></div>`
}
