import { html } from '@mezite/core'
import type { IntentDocument } from './intent-document.ts'
import { type SentencePart, shown } from './sentences.ts'
import type { Words } from './texts.ts'

const LONGEST = 2_048

/** What will happen, for the person who signs it. Every text of the request is shown as text, without invisible characters. */
export function intentBody(words: Words, document: IntentDocument) {
  const { intent, target, sentence, clientIp, program } = document
  const { app, method, body_bytes, content_type, caller } = intent
  const [media = ''] = (content_type ?? '').split(';')
  const kind = media === '' ? '' : `, ${shown(media)}`
  return html`<div>
    ${sentence === null ? null : html`<p class="lead">${sentence.map(partOf)}</p>`}
    <dl class="facts">
      <dt>${words.app}</dt><dd>${shown(app)}</dd>
      <dt>${words.request}</dt><dd><code>${shown(method)} ${shown(target, LONGEST)}</code></dd>
      <dt>${words.size}</dt><dd>${body_bytes === 0 ? words.noBody : words.bytes(body_bytes) + kind}</dd>
      <dt>${program ? words.byProgram : words.by}</dt><dd>${shown(caller)} (${clientIp})</dd>
    </dl>
  </div>`
}

const partOf = ({ text, value }: SentencePart) => (value ? html`<strong>${text}</strong>` : text)

/** The state of an intent, for the person who waits and for the one who has signed. */
export function stateBody(
  words: Words,
  state: {
    readonly title: string
    readonly text: string
    readonly address?: string
    readonly document: IntentDocument | null
  },
) {
  return html`<div class="card">
    <h1>${state.title}</h1>
    ${state.document === null ? null : intentBody(words, state.document)}
    <p>${state.text}</p>
    ${state.address === undefined ? null : html`<p><code data-copy>${state.address}</code></p>`}
  </div>`
}
