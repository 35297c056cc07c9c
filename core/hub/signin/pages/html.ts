import htm from 'htm'
import { h, type VNode } from 'preact'
import { renderToString } from 'preact-render-to-string'

/** What a page is made of. Every value is escaped by Preact; there is no way to pass markup through. */
export type Markup = VNode | VNode[] | string | null

// htm types its default export as CommonJS; what Node imports is the function itself.
/** Tagged template for markup: html`<p>${text}</p>`. */
export const html = (htm as unknown as typeof htm.default).bind(h) as (
  strings: TemplateStringsArray,
  ...values: unknown[]
) => VNode | VNode[]

/** The markup as text, escaped. */
export function renderMarkup(markup: Markup): string {
  if (markup === null) return ''
  if (typeof markup === 'string') return renderToString(h('span', null, markup))
  return (Array.isArray(markup) ? markup : [markup]).map((node) => renderToString(node)).join('')
}
