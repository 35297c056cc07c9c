import { html } from '@mezite/core'
import type { ScriptWords } from './script-problems.ts'
import type { Words } from './texts.ts'

export const status = () => html`<p class="status" role="status" aria-live="polite"></p>`
export const noScript = ({ noScript: text }: Words) =>
  html`<noscript><p class="status bad">${text}</p></noscript>`
export const scriptWords = ({ script, ...more }: ScriptWords) =>
  JSON.stringify({ ...script, keyName: more.keyName, problems: more.problems })

export const nameField = ({ newName }: Words, label: string) => html`<label for="name">${label}</label>
  <input id="name" name="name" maxlength="64" value=${newName} autocomplete="off" />`
