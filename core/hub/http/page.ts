import { createHash } from 'node:crypto'

// The style of the hub's own pages, but inline: on an app's host every other path belongs to the app.
const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;\
--line:light-dark(#dfe3e9,#2b313d);--quiet:light-dark(#5b6472,#9aa4b5);--accent:light-dark(#2451d6,#8fb0ff)}\
*{box-sizing:border-box}body{margin:0;padding:12vh 1rem 2rem;background:light-dark(#f5f6f8,#101319);color:light-dark(#171b23,#e8ebf1)}\
main{max-width:30rem;margin:0 auto;padding:1.75rem;background:light-dark(#fff,#181c24);border:1px solid var(--line);border-radius:.9rem}\
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}h1,p,dd{overflow-wrap:anywhere}p{margin:.5rem 0}a{color:var(--accent)}\
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.5rem}.actions form{display:contents}\
.actions a,button{font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer;padding:.55rem 1.1rem;border:1px solid var(--line);border-radius:.55rem;background:none;color:inherit}\
.actions>:first-child,.actions>:first-child>button{background:var(--accent);border-color:transparent;color:light-dark(#fff,#0d1526)}\
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}\
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1.25rem 0 0;padding-top:1rem;border-top:1px solid var(--line);font-size:.88rem;color:var(--quiet)}\
dd{margin:0}code{font-family:ui-monospace,"DejaVu Sans Mono",monospace}\
@media(max-width:32rem){body{padding-top:2rem}main{padding:1.25rem}.actions a,.actions button{width:100%}}`

const CSP =
  "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/** Header lines of every page and response of the hub itself on an app's host. */
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

/** `ownLines` for a page with a form: without a referrer browsers would send `Origin: null`. */
export const formLines: readonly string[] = ownLines.map((text) =>
  text === 'no-referrer' ? 'same-origin' : text,
)

/** `ownLines` for a page with a script of the hub, from a file on the same host. */
export const scriptLines: readonly string[] = ownLines.map((text) =>
  text === CSP ? `${CSP}; script-src 'self'` : text,
)

/** `ownLines` for a page that pages of `ancestors` (policy sources) may show in a frame. */
export const framedLines = (ancestors: string): readonly string[] =>
  ownLines.map((text) =>
    text === CSP ? text.replace("frame-ancestors 'none'", `frame-ancestors ${ancestors}`) : text,
  )

/** A small page without inline script. `title` and `sentences` are text; `inner` is trusted HTML. */
export function page(title: string, sentences: readonly string[], inner = ''): string {
  const paragraphs = sentences.map((sentence) => `<p>${escapeHtml(sentence)}</p>`).join('')
  return (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width,initial-scale=1">' +
    `<title>${escapeHtml(title)}</title><style>${STYLE}</style></head>` +
    `<body><main><h1>${escapeHtml(title)}</h1>${paragraphs}${inner}</main></body></html>`
  )
}

/** The next steps for the person, the best first: links or forms as trusted HTML. */
export function actions(...steps: readonly string[]): string {
  return `<div class="actions">${steps.join('')}</div>`
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
