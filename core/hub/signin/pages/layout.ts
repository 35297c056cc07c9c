import { html, type Markup, renderMarkup } from './html.ts'
import { stylesheetPath } from './style.ts'

/** A page of the hub's own host. */
export interface Layout {
  readonly title: string
  readonly clusterName: string
  readonly body: Markup
  /** Link target of the product name. Default: the home page of this host. */
  readonly home?: string
  /** A card in the middle (default), or the whole width. */
  readonly wide?: boolean
  /** URL to which the page forwards immediately, without script; `form-action` does not apply to it. */
  readonly forwardTo?: string
  /** Paths of classic scripts on the same host, which run in order once the page is parsed. */
  readonly scripts?: readonly string[]
  /** Paths of ES modules and of additional stylesheets on the same host. */
  readonly modules?: readonly string[]
  readonly styles?: readonly string[]
}

/** Has its own size, because pages on hosts other than the hub's have no stylesheet. */
const mark =
  () => html`<svg width="26" height="26" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" aria-hidden="true">
  <path d="M4 20V9a8 8 0 0 1 16 0v11" /><path d="M9 20v-9a3 3 0 0 1 6 0v9" /><path d="M2 20h20" /></svg>`

/** A complete page of the hub's own host as text. */
export function renderPage(layout: Layout): string {
  const { title, clusterName, body, home = '/', wide, forwardTo, scripts = [] } = layout
  const page = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <meta name="robots" content="noindex" />
      ${forwardTo === undefined ? null : html`<meta http-equiv="refresh" content=${`0; url=${forwardTo}`} />`}
      <title>${`${title} · ${clusterName}`}</title>
      <link rel="stylesheet" href=${stylesheetPath} />
      <link rel="icon" href="data:," />
      ${(layout.styles ?? []).map((href) => html`<link rel="stylesheet" href=${href} />`)}
      ${(layout.modules ?? []).map((src) => html`<script type="module" src=${src}></script>`)}
      ${scripts.map((src) => html`<script defer src=${src}></script>`)}
    </head>
    <body>
      <header>
        <a class="brand" href=${home}>${mark()}<span>Mezite</span></a>
        <span class="cluster">${clusterName}</span>
      </header>
      <main class=${wide ? 'wide' : 'narrow'}>${body}</main>
    </body>
  </html>`
  return `<!doctype html>${renderMarkup(page)}`
}
