import { createHash } from 'node:crypto'

const STYLE = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0;padding:1.5rem;\
display:grid;min-height:80vh;place-items:center;background:Canvas;color:CanvasText}main{max-width:34rem;width:100%}\
h1{font-size:1.4rem;line-height:1.25}p{overflow-wrap:anywhere}small{opacity:.75}code{font-family:ui-monospace,monospace}\
a,button{font:inherit}a{color:LinkText}button{padding:.5rem 1rem;border-radius:.4rem;border:1px solid;background:transparent;color:inherit;cursor:pointer}`

const CSP =
  "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/** Header lines of every page and answer that the hub itself gives on an app's host. */
export const ownLines: readonly string[] = [
  'Cache-Control',
  'no-store',
  'Content-Security-Policy',
  CSP,
  'X-Content-Type-Options',
  'nosniff',
  'Referrer-Policy',
  'no-referrer',
]

/** `ownLines` of a page with a form: without a referrer browsers would send `Origin: null`. */
export const formLines: readonly string[] = ownLines.map((text) =>
  text === 'no-referrer' ? 'same-origin' : text,
)

/** `ownLines` of a page with a script of the hub's, from a file on this very host. */
export const scriptLines: readonly string[] = ownLines.map((text) =>
  text === CSP ? `${CSP}; script-src 'self'` : text,
)

/** A small page without inline script. `title` and `sentences` are text; `inner` is HTML of ours. */
export function page(title: string, sentences: readonly string[], inner = ''): string {
  const paragraphs = sentences.map((sentence) => `<p>${escapeHtml(sentence)}</p>`).join('')
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width,initial-scale=1">' +
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>` +
    `<body><main><h1>${escapeHtml(title)}</h1>${paragraphs}${inner}</main></body></html>`
  )
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
