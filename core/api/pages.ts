import htm from 'htm'
import { h, type VNode } from 'preact'
import type { Reason } from '../kernel/reason.ts'
import { serviceRef } from '../kernel/reference.ts'

/** The markup of a page. Preact escapes every value, so raw HTML cannot be passed in. */
export type Markup = VNode | VNode[] | string | null

// htm types its default export as CommonJS, but Node.js imports the function itself.
/** Tagged template for markup: html`<p>${text}</p>`. */
export const html = (htm as unknown as typeof htm.default).bind(h) as (
  strings: TemplateStringsArray,
  ...values: unknown[]
) => VNode | VNode[]

/** Languages of the hub's own pages. */
export type Language = 'en' | 'de'

/** A page that the hub serves itself. */
export interface PageLayout {
  readonly title: string
  readonly body: Markup
  /**
   * Which host serves the page: one of the hub's own (default), an app's, or one without routes of the hub, whose pages
   * contain their style.
   */
  readonly on?: 'hub' | 'app' | 'elsewhere'
  /** The signed-in person, for the navigation and the menu. */
  readonly user?: { readonly name: string; readonly roles: readonly string[] } | null
  /** Path of the current page, which the navigation marks. */
  readonly current?: string
  /** Width of the column: of one card (default), of a list, or of the whole window. */
  readonly width?: 'narrow' | 'column' | 'wide'
  /** URL to which the page forwards immediately, without script; `form-action` does not apply to it. */
  readonly forwardTo?: string
  /** Paths of classic scripts on the same host, which run in order once the page is parsed. */
  readonly scripts?: readonly string[]
  /** Paths of ES modules and of additional stylesheets on the same host. */
  readonly modules?: readonly string[]
  readonly styles?: readonly string[]
  /** Default: English. */
  readonly language?: Language
}

/** How the operator's brand looks; shown to everyone, also before sign-in. */
export interface Brand {
  readonly name: string
  /** One line that says whom to ask for help. */
  readonly contact: string | null
  /** `https:` or `mailto:` URL. */
  readonly helpUrl: string | null
  /** Name of the asset, or null for the hub's own mark. */
  readonly logo: string | null
}

/** A file that the pages load: a path below `/web/assets/` on the hub's hosts and `/.mezite/assets/` on apps' hosts. */
export interface PageAsset {
  /** Changes with the content, so caches may keep it forever. */
  readonly name: string
  readonly type: string
  readonly content: string | Buffer
  /** Its Content-Security-Policy, if it needs another than pages. */
  readonly policy?: string
}

/** The one template of every page that a person sees. */
export interface Pages {
  readonly brand: Brand
  /** Names of the assets that pages link. */
  readonly links: { readonly style: string; readonly script: string; readonly icon: string }
  /** A complete page as text. */
  render(layout: PageLayout): string
  asset(name: string): PageAsset | undefined
  /** The Content-Security-Policy of pages on a host without routes of the hub. */
  readonly elsewherePolicy: string
  /** The language that an `Accept-Language` header prefers (RFC 9110 section 12.5.4). Default: English. */
  languageOf(acceptLanguage: string | undefined): Language
  /** The entries of a person's navigation, with what waits there for the person. One that fails is left out. */
  navigationOf(
    person: { readonly user: string; readonly roles: readonly string[] },
    language?: Language,
  ): readonly { readonly title: string; readonly href: string; readonly count: number }[]
  /** The reason with this code, of the core or of a plugin. */
  reasonOf(code: string): Reason | undefined
  /** Address of the page on the sign-in host that explains a reason code, as `WebRoutes.helpFor`; null if no plugin has one. */
  explanationOf(code: string, person?: Language): string | null
}

/** The template of the hub's pages. */
export const pages = serviceRef<Pages>('pages')
