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
export const glyph = () => html`<div class="badge"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
  <path d="M9 4a4 4 0 1 0 0 8a4 4 0 0 0 0-8M2.5 20c0-3.6 2.9-6 6.5-6c1.2 0 2.3.3 3.3.7M17 10.5a2.75 2.75 0 1 0 0 5.5a2.75 2.75 0 0 0 0-5.5M17 16v5l1.6-1.4" /></svg></div>`
