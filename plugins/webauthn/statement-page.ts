import { html } from '@mezite/core'
import type { Statement } from '@mezite/core/types'
import { glyph, noScript, scriptWords, status } from './page-parts.ts'
import type { ScriptWords } from './script-problems.ts'

/** A statement on the page where a person signs it. */
export interface AskedStatement {
  readonly user: string
  /** Of the entry, and of the statement. */
  readonly name: string
  readonly id: string
  readonly hasKey: boolean
  /** Where the person adds the first passkey; null: an administrator must. */
  readonly addUrl: string | null
  readonly statement: Statement
}

export function statementCard(words: ScriptWords, ask: AskedStatement) {
  const { title, body } = ask.statement
  const { as, use, decline } = words.sign
  const { byAdmin, none } = words.confirm.missing
  const action = ask.hasKey
    ? html`<button data-go>${use}</button>`
    : ask.addUrl === null
      ? null
      : html`<a class="button" href=${ask.addUrl}>${words.add}</a>`
  return html`<div class="card" data-passkey="sign" data-words=${scriptWords(words)} data-name=${ask.name} data-id=${ask.id}>
    ${glyph()}
    <h1>${title}</h1>
    ${body}
    <p class="quiet">${as[0]}<strong>${ask.user}</strong>${as[1]}</p>
    ${ask.hasKey ? null : html`<p class="note">${ask.addUrl === null ? byAdmin : none}</p>`}
    <div class="actions">${action}<button class="plain" data-decline>${decline}</button></div>
    ${status()}${noScript(words)}
  </div>`
}
