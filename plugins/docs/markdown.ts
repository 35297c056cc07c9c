import { posix } from 'node:path'
import type { Page } from './contents.ts'

/** A heading with the text below it, up to the next heading. */
export interface Passage {
  /** Empty for the text above the first heading below the title. */
  readonly anchor: string
  readonly heading: string
  readonly level: number
  readonly text: string
}

/** A page as HTML, and what the search knows of it. */
export interface Rendered {
  readonly html: string
  readonly passages: readonly Passage[]
  /** The words by which people look for the page, from the comment in its head: `<!-- search: gdpr, privacy -->`. */
  readonly words: string
}

/** Renders pages of Markdown. Raw HTML in a page is text. */
export interface Renderer {
  render(page: Page, markdown: string): Rendered
}

const wordsOf = (markdown: string): string => /^<!-- search: ([\s\S]*?)\s+-->$/m.exec(markdown)?.[1] ?? ''
/** The text of a page without comments, which GitHub does not show. */
const withoutComments = (text: string): string => text.replaceAll(/^<!--[\s\S]*?-->\n*/gm, '')

/** Where files of the repository are that are not a page. */
const REPOSITORY = 'https://github.com/mezite/mezite/blob/main/'
const LANGUAGES = ['bash', 'go', 'ini', 'javascript', 'json', 'python', 'sql', 'typescript', 'xml', 'yaml']

/** The anchor of a heading, as GitHub makes it. */
export const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-')

/**
 * Loads what renders pages, which takes a tenth of a second; so hubs load it with the first visit. Links to other pages,
 * relative to the file of the page, become links to their place below `/web/docs`.
 */
export async function createRenderer(pages: readonly Page[]): Promise<Renderer> {
  const [{ default: MarkdownIt }, { default: anchors }, { default: highlighter }, ...languages] =
    await Promise.all([
      import('markdown-it'),
      import('markdown-it-anchor'),
      import('highlight.js/lib/core'),
      ...LANGUAGES.map((name) => import(`highlight.js/lib/languages/${name}`)),
    ])
  LANGUAGES.forEach((name, index) => {
    highlighter.registerLanguage(name, languages[index].default)
  })
  const targetOf = targets(pages, ({ picture, page }) =>
    picture === undefined ? `/web/docs/${page}` : `/web/docs/pictures/${picture}`,
  )
  const markdown = new MarkdownIt({
    html: false,
    linkify: false,
    highlight: (code, language) =>
      highlighter.getLanguage(language) ? highlighter.highlight(code, { language }).value : '',
  })
  markdown.use(anchors, { slugify: anchorOf, level: [2, 3, 4] })
  markdown.renderer.rules.table_open = () => '<div class="table" tabindex="0"><table>\n'
  markdown.renderer.rules.table_close = () => '</table></div>\n'

  return {
    render({ source }, text) {
      const tokens = markdown.parse(withoutComments(text), {})
      for (const { children } of tokens) {
        for (const token of children ?? []) {
          const name = token.type === 'image' ? 'src' : 'href'
          const link = token.attrGet(name)
          if (link !== null) token.attrSet(name, targetOf(String(link), source))
        }
      }
      const html = markdown.renderer.render(tokens, markdown.options, {})
      // People without a mouse scroll a wide block only if it takes the focus. Code has no tags.
      return {
        html: html.replaceAll('<pre>', '<pre tabindex="0">'),
        passages: passagesOf(tokens),
        words: wordsOf(text),
      }
    },
  }
}

/** Where links of pages lead: to another page or a picture by `place`, and otherwise into the repository. */
function targets(
  pages: readonly Page[],
  place: (target: { readonly page?: string; readonly picture?: string }) => string,
) {
  const bySource = new Map(pages.map((page) => [page.source, page.name]))
  return (href: string, source: string): string => {
    if (/^[a-z]+:/i.test(href) || href.startsWith('#')) return href
    const [path = '', hash] = href.split('#')
    const file = posix.join(posix.dirname(source), path)
    const picture = /^plugins\/docs\/pages\/pictures\/(.+)$/.exec(file)?.[1]
    if (picture !== undefined) return place({ picture })
    const page = bySource.get(file)
    return (page === undefined ? REPOSITORY + file : place({ page })) + (hash === undefined ? '' : `#${hash}`)
  }
}

/** A page as Markdown for programs: without comments, its links relative to `NAME.md`. */
export function plainMarkdown(pages: readonly Page[], { name, source }: Page, text: string): string {
  const targetOf = targets(pages, ({ picture, page }) =>
    posix.relative(posix.dirname(name), picture === undefined ? `${page}.md` : `pictures/${picture}`),
  )
  return withoutComments(text)
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part) =>
      part.startsWith('```')
        ? part
        : part.replaceAll(/\]\(([^)\s]+)\)/g, (_, href: string) => `](${targetOf(href, source)})`),
    )
    .join('')
}

interface Token {
  readonly type: string
  readonly tag: string
  readonly content: string
  readonly children: readonly Token[] | null
  attrGet(name: string): string | number | null
}

/** The text of a page by heading. */
function passagesOf(tokens: readonly Token[]): readonly Passage[] {
  const passages: { anchor: string; heading: string; level: number; text: string }[] = []
  tokens.forEach((token, index) => {
    if (token.type === 'heading_open') {
      const heading = plain(tokens[index + 1]!)
      passages.push({
        anchor: String(token.attrGet('id') ?? ''),
        heading,
        level: Number(token.tag.slice(1)),
        text: '',
      })
    } else if (tokens[index - 1]?.type !== 'heading_open') {
      const text = token.type === 'inline' ? plain(token) : token.type === 'fence' ? token.content : ''
      const last = passages.at(-1)
      if (text !== '' && last) last.text += `${text} `
    }
  })
  return passages
}

const plain = ({ children, content }: Token): string =>
  children === null
    ? content
    : children.map((child) => (child.type === 'softbreak' ? ' ' : child.content)).join('')
