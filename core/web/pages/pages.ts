import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { pagePolicy } from '../../api/page-policy.ts'
import {
  type Brand,
  html,
  type Language,
  type Markup,
  type PageAsset,
  type PageLayout,
  type Pages,
} from '../../api/pages.ts'
import { reasonNamed } from '../../api/reasons.ts'
import type { HomeLink } from '../../api/sign-in.ts'
import type { PublicNames, WebRoutes } from '../../api/web-routes.ts'
import { brandTokens } from './brand-tokens.ts'
import { icon, MARK, mark } from './icons.ts'
import { type Logo, readLogo } from './logo.ts'
import { languageOf, type Texts, texts } from './texts/texts.ts'

/** The operator's brand as configured; the file of the logo was checked when the configuration was loaded. */
interface BrandConfig {
  readonly name: string
  readonly logo_file?: string
  readonly color?: string
  readonly contact?: string
  readonly help_url?: string
}

const plainBrand: BrandConfig = { name: 'Mezite' }

/** Where pages of each kind of host find their assets. */
export const ASSET_PATHS = { hub: '/web/assets/', app: '/.mezite/assets/' } as const

/** A drawing runs nothing and loads nothing, even when a person opens it by itself. */
const IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><style>rect{fill:#2f55d4}path{fill:none;stroke:#fff;stroke-width:2.4;stroke-linecap:round}</style>\
<rect width="32" height="32" rx="8"/><path transform="translate(5.2 4.6) scale(.9)" d="${MARK}"/></svg>`

const read = (name: string) => readFileSync(new URL(`browser/${name}`, import.meta.url), 'utf8')
const smaller = (css: string) =>
  css
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,>]) ?|(:) /g, '$1$2')
    .replaceAll(';}', '}')
/** Enough for a page of one card. */
const cardStyle = smaller(read('tokens.css') + read('page.css'))
const partsStyle = smaller(['navigation.css', 'lists.css', 'forms.css'].map(read).join(''))
const script = read('page.js').replace(/^[ \t]*(?:\/\/|\/\*\*).*\n|^[ \t]+/gm, '')

/** The one template of every page, with the operator's brand. Reads its files, so a broken installation fails at start-up. */
export function createPages(options: {
  readonly publicNames: Pick<PublicNames, 'clusterName' | 'signInOrigin'>
  readonly brand?: BrandConfig
  /** Called for each page: more entries of the navigation. */
  readonly navigation?: () => readonly HomeLink[]
  /** What plugins say about a reason code. */
  readonly reasonOf?: Pages['reasonOf']
  /** Called for each reason code: the first entry that explains codes does. */
  readonly routes?: () => readonly Pick<WebRoutes, 'helpFor'>[]
}): Pages {
  const { publicNames, brand: configured = plainBrand, navigation = () => [], routes = () => [] } = options
  const { clusterName, signInOrigin } = publicNames
  const logo = configured.logo_file === undefined ? null : readLogo(configured.logo_file)
  const colours = configured.color === undefined ? '' : (brandTokens(configured.color) ?? '')
  const style = cardStyle + colours
  const files = {
    style: assetOf('page', 'css', 'text/css; charset=utf-8', style + partsStyle),
    script: assetOf('page', 'js', 'text/javascript; charset=utf-8', script),
    icon: logo === null ? assetOf('icon', 'svg', 'image/svg+xml', ICON, IMAGE_POLICY) : logoAsset(logo),
  }
  const byName = new Map(Object.values(files).map((file) => [file.name, file]))
  const brand: Brand = {
    name: configured.name,
    contact: configured.contact ?? null,
    helpUrl: configured.help_url ?? null,
    logo: logo === null ? null : files.icon.name,
  }
  const hash = createHash('sha256').update(style).digest('base64')

  function render(layout: PageLayout): string {
    const { title, body, on = 'hub', width = 'narrow', forwardTo, language = 'en' } = layout
    const { scripts = [], modules = [], styles = [] } = layout
    const words = texts[language].template
    const folder = on === 'elsewhere' ? null : ASSET_PATHS[on]
    const page = html`<html lang=${language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        ${forwardTo === undefined ? null : html`<meta http-equiv="refresh" content=${`0; url=${forwardTo}`} />`}
        <title>${`${title} · ${brand.name}`}</title>
        ${
          folder === null
            ? html`<style>STYLE</style><link rel="icon" href="data:," />`
            : [
                html`<link rel="stylesheet" href=${folder + files.style.name} />`,
                html`<link rel="icon" href=${folder + files.icon.name} />`,
                html`<script defer src=${folder + files.script.name} data-copy=${words.copy} data-copied=${words.copied}></script>`,
                ...styles.map((href) => html`<link rel="stylesheet" href=${href} />`),
                ...modules.map((src) => html`<script type="module" src=${src}></script>`),
                ...scripts.map((src) => html`<script defer src=${src}></script>`),
              ]
        }
      </head>
      <body>
        <a class="skip" href="#content">${words.skip}</a>
        ${header(layout, words)}
        <main id="content" class=${width === 'column' ? '' : width}>${body}</main>
        ${footer(words)}
      </body>
    </html>`
    const text = `<!doctype html>${renderMarkup(page)}`
    // Preact would escape the quotes in the style.
    return folder === null ? text.replace('<style>STYLE</style>', () => `<style>${style}</style>`) : text
  }

  function header(layout: PageLayout, words: Texts['template']) {
    const { on = 'hub', user = null, current, language } = layout
    const origin = on === 'hub' ? '' : signInOrigin
    const links = [
      { title: words.apps, href: '/', count: 0 },
      ...linksOf(navigation(), { user: user?.name ?? '', roles: user?.roles ?? [] }, language),
    ]
    return html`<header class=${user === null ? 'bar' : 'bar signed-in'}>
      <a class="brand" href=${`${origin}/`}>
        ${
          brand.logo === null || on === 'elsewhere'
            ? mark()
            : html`<img src=${ASSET_PATHS[on] + brand.logo} alt="" height="30" />`
        }
        <span>${brand.name}</span>
        ${clusterName === brand.name ? null : html`<span class="cluster">${clusterName}</span>`}
      </a>
      ${
        user === null
          ? null
          : [
              html`<nav>${links.map(
                ({ title, href, count }) =>
                  html`<a href=${origin + href} aria-current=${href === current ? 'page' : undefined}>${title}${count > 0 ? html` <span class="count">${count}</span>` : null}</a>`,
              )}</nav>`,
              html`<details class="menu">
                <summary aria-label=${words.menu(user.name)}><span class="avatar" data-initial=${initialOf(user.name)}></span><span>${user.name}</span></summary>
                <div>
                  <p><span class="quiet">${words.signedInAs}</span><br /><strong>${user.name}</strong></p>
                  <a href=${`${origin}/web/account`}>${icon('user')} ${words.account}</a>
                  ${
                    on === 'hub'
                      ? html`<form method="post" action="/web/logout"><button>${icon('sign_out')} ${words.signOut}</button></form>`
                      : html`<a href=${`${origin}/web/logout`}>${icon('sign_out')} ${words.signOut}</a>`
                  }
                </div>
              </details>`,
            ]
      }
    </header>`
  }

  function footer(words: Texts['template']) {
    if (brand.contact === null && brand.helpUrl === null) return null
    return html`<footer class="foot">
      ${brand.contact === null ? null : html`<span>${brand.contact}</span>`}
      ${brand.helpUrl === null ? null : html`<a href=${brand.helpUrl} rel="noreferrer">${words.help}</a>`}
    </footer>`
  }

  return {
    brand,
    links: { style: files.style.name, script: files.script.name, icon: files.icon.name },
    render,
    asset: (name) => byName.get(name),
    elsewherePolicy: pagePolicy({ style: `'sha256-${hash}'` }),
    languageOf,
    navigationOf: (person, language) => linksOf(navigation(), person, language),
    reasonOf: (code) => reasonNamed(code) ?? options.reasonOf?.(code),
    explanationOf(code, person) {
      const path = routes()
        .find(({ helpFor }) => helpFor)
        ?.helpFor?.(code, person)
      return path === undefined ? null : signInOrigin + path
    },
  }
}

function assetOf(
  stem: string,
  extension: string,
  type: string,
  content: string | Buffer,
  policy?: string,
): PageAsset {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 12)
  return { name: `${stem}-${hash}.${extension}`, type, content, ...(policy === undefined ? {} : { policy }) }
}

const logoAsset = ({ type, extension, bytes }: Logo) => assetOf('logo', extension, type, bytes, IMAGE_POLICY)

/** The first letter or digit of a name, for the circle in the menu. */
function initialOf(name: string): string {
  return /[\p{L}\p{N}]/u.exec(name)?.[0]?.toUpperCase() ?? '?'
}

/** Characters that turn the direction of the text after them, which would make sentences around a name misleading. */
const DIRECTIONS = /[\u202a-\u202e\u2066-\u2069]/g

/** The markup as HTML text, without characters that change the direction of text. */
function renderMarkup(markup: Markup): string {
  if (markup === null) return ''
  const nodes = typeof markup === 'string' ? [h('span', null, markup)] : [markup].flat()
  return nodes
    .map((node) => renderToString(node))
    .join('')
    .replace(DIRECTIONS, '')
}

/** An entry of the navigation of one person. */
interface ShownLink {
  readonly title: string
  readonly href: string
  /** What waits there for the person. */
  readonly count: number
}

/** The entries that a person sees. An entry that throws is left out. */
function linksOf(
  links: readonly HomeLink[],
  person: { readonly user: string; readonly roles: readonly string[] },
  language: Language = 'en',
): readonly ShownLink[] {
  return links.flatMap((link) => {
    if (link.role !== undefined && !person.roles.includes(link.role)) return []
    const count = countOf(link, person)
    return count === null ? [] : [{ title: link.titles?.[language] ?? link.title, href: link.href, count }]
  })
}

function countOf(link: HomeLink, person: Parameters<NonNullable<HomeLink['count']>>[0]): number | null {
  try {
    return link.count?.(person) ?? (link.count ? null : 0)
  } catch {
    return null
  }
}
