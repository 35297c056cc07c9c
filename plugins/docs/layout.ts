import { html } from '@mezite/core'
import type { DocumentationPlace, Language } from '@mezite/core/types'
import type { Page, Section } from './contents.ts'
import type { Passage, Rendered } from './markdown.ts'
import { type Texts, texts } from './texts.ts'

type Markup = ReturnType<typeof html>

const ROOT = '/web/docs'
/** A page with more headings has a table of contents at its top. */
const SHORT = 3
const LONGEST_TOC = 80

const form = (words: Texts, query = '') =>
  html`<form role="search" method="get" action="${ROOT}/search" data-index="${ROOT}/search.json" data-base="${ROOT}/" data-nothing=${words.nothing}>
    <input type="search" name="q" value=${query} placeholder=${words.search} aria-label=${words.searchAll} autocomplete="off" />
  </form>
  <ul id="docs-results" aria-live="polite" hidden></ul>`

/** Navigation and search beside the content of a page. */
export function frame(
  contents: readonly Section[],
  current: string | null,
  content: Markup,
  more: { readonly query?: string; readonly isFolded?: boolean; readonly language?: Language } = {},
): Markup {
  const words = texts[more.language ?? 'en']
  return html`<div class="docs">
    <aside>
      ${form(words, more.query)}
      <details class=${more.isFolded ? 'folded' : undefined} open=${more.isFolded !== true}>
        <summary>${words.allPages}</summary>
        <nav aria-label=${words.documentation}>
          ${contents.map(
            ({ title, pages }) =>
              html`<h2 lang="en">${title}</h2><ul lang="en">${pages.map(
                ({ name, title, language }) =>
                  html`<li><a href=${`${ROOT}/${name}`} lang=${language} aria-current=${name === current ? 'page' : undefined}>${title}</a></li>`,
              )}</ul>`,
          )}
        </nav>
      </details>
    </aside>
    ${content}
  </div>`
}

/** The content of one page. Its HTML comes from `markdown.ts`, which escapes everything. */
export function article(
  { html: body, passages }: Rendered,
  { name, language = 'en' }: Page,
  translations: readonly Page[],
): Markup {
  const words = texts[language]
  const end = body.indexOf('</h1>') + '</h1>'.length
  const headings = passages.filter(({ level, anchor }) => level === 2 && anchor !== '')
  return html`<article>
    <div dangerouslySetInnerHTML=${{ __html: body.slice(0, end) }}></div>
    ${headings.length > SHORT && headings.length < LONGEST_TOC ? tableOf(headings, words) : null}
    <div dangerouslySetInnerHTML=${{ __html: body.slice(end) }}></div>
    ${translations.map(
      ({ name, language = 'en' }) =>
        html`<p><a href=${`${ROOT}/${name}`} lang=${language} hreflang=${language}>${texts[language].inThisLanguage}</a></p>`,
    )}
    <p class="quiet"><a href=${`${ROOT}/${name}.md`}>${words.asMarkdown}</a></p>
  </article>`
}

const tableOf = (headings: readonly Passage[], words: Texts) =>
  html`<nav class="toc" aria-label=${words.onThisPage}><ul>${headings.map(
    ({ anchor, heading }) => html`<li><a href=${`#${anchor}`}>${heading}</a></li>`,
  )}</ul></nav>`

/** The first page: every section with its pages. */
export function overview(contents: readonly Section[]): Markup {
  return html`<article>
    <h1>Documentation</h1>
    ${contents.map(
      ({ title, about, pages }) =>
        html`<h2>${title}</h2><p>${about}</p><ul>${pages.map(
          ({ name, title }) => html`<li><a href=${`${ROOT}/${name}`}>${title}</a></li>`,
        )}</ul>`,
    )}
    <p class="quiet"><a href="${ROOT}/llms.txt">All pages as Markdown, listed for programs</a></p>
  </article>`
}

/** The list of all pages for programs that read (llmstxt.org): their titles, with links to their Markdown. */
export function readingList(contents: readonly Section[]): string {
  const parts = contents.map(
    ({ title, about, pages }) =>
      `## ${title}\n\n${about}\n\n${pages.map((page) => `- [${page.title}](${page.name}.md)\n`).join('')}`,
  )
  const about =
    'Mezite gives people and programs access to internal applications without a VPN and without an open port.'
  return `# Mezite\n\n> ${about} This is the documentation of the version that serves it.\n\n${parts.join('\n')}`
}

/** The results of a search without script. */
export function results(
  query: string,
  found: readonly DocumentationPlace[],
  language: Language = 'en',
): Markup {
  const words = texts[language]
  return html`<article>
    <h1>${query === '' ? words.search : words.resultsFor(query)}</h1>
    ${
      found.length === 0
        ? html`<p>${query === '' ? words.typeWords : words.nothingTry}</p>`
        : html`<ul>${found.map(
            ({ id, title, heading, excerpt }) =>
              html`<li><a href=${`${ROOT}/${id}`}>${heading}</a> ${heading === title ? null : html`<span class="quiet">${title}</span>`}<br />${excerpt}</li>`,
          )}</ul>`
    }
  </article>`
}

/** Title of the window. */
export const titleOf = ({ title, language = 'en' }: Page): string =>
  `${title} · ${texts[language].documentation}`
