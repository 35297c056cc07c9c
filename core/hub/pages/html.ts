import htm from 'htm'
import { h, type VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'
import type { Markup } from '../../api/pages.ts'

// htm types its default export as CommonJS, but Node.js imports the function itself.
/** Tagged template for markup: html`<p>${text}</p>`. */
export const html = (htm as unknown as typeof htm.default).bind(h) as (
  strings: TemplateStringsArray,
  ...values: unknown[]
) => VNode | VNode[]

/** Characters that turn the direction of the text after them, which would make sentences around a name misleading. */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g

/** The markup as HTML text, without characters that change the direction of text. */
export function renderMarkup(markup: Markup): string {
  if (markup === null) return ''
  const nodes = typeof markup === 'string' ? [h('span', null, markup)] : [markup].flat()
  return nodes
    .map((node) => renderToString(node))
    .join('')
    .replace(DIRECTIONS, '')
}
