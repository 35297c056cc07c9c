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

/** The markup as HTML text. */
export function renderMarkup(markup: Markup): string {
  if (markup === null) return ''
  if (typeof markup === 'string') return renderToString(h('span', null, markup))
  return (Array.isArray(markup) ? markup : [markup]).map((node) => renderToString(node)).join('')
}
