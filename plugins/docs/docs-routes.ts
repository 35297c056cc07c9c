import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type Documentation, type Pages, problemFor, type Subject, Type, type WebRoutes } from '@mezite/core'
import { type Page, readPage, readPicture, type Section } from './contents.ts'
import { article, frame, overview, readingList, results, titleOf } from './layout.ts'
import { createRenderer, plainMarkdown, type Rendered } from './markdown.ts'
import { createSearch } from './search.ts'
import { texts } from './texts.ts'

const PREFIX = '/web/docs'
/** A drawing has its style in it, and runs nothing. */
const PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
/** The one page for people who open applications. */
const FOR_PEOPLE = { en: 'start/people', de: 'start/people-de' } as const
const isPerson = (subject: Subject | null): boolean => subject !== null && !subject.roles.includes('admin')
const CODES = /^MEZ_[A-Z_]+$/

/** The pages, the search and the files that they load, also for other plugins. Pages are rendered at their first visit. */
export function docsRoutes({
  contents,
  pages,
  access,
}: {
  readonly contents: readonly Section[]
  readonly pages: Pages
  readonly access: 'public' | 'page'
}): { readonly routes: WebRoutes; readonly documentation: Documentation } {
  const all = contents.flatMap((section) => section.pages)
  const byName = new Map(all.map((page) => [page.name, page]))
  const renderer = lazily(() => createRenderer(all))
  const kept = new Map<string, Rendered>()
  const rendered = async (name: string): Promise<Rendered> => {
    const page = byName.get(name)
    if (!page) throw problemFor('page_not_found', 'The documentation has no such page.')
    const known = kept.get(name)
    if (known) return known
    const fresh = (await renderer()).render(page, readPage(page))
    kept.set(name, fresh)
    return fresh
  }
  const search = lazily(async () => {
    const every = []
    for (const page of all) {
      every.push({ page, rendered: await rendered(page.name) })
      await new Promise(setImmediate)
    }
    return createSearch(every)
  })
  const zipped = lazily(async () => gzipSync((await search()).json))
  const files = assets()
  const languageOf = (headers: { readonly 'accept-language'?: string | undefined }) =>
    pages.languageOf(headers['accept-language'])
  const translationsOf = ({ name, translates = name }: Page) =>
    all.filter((other) => other.name !== name && (other.translates ?? other.name) === translates)
  const parts = {
    width: 'wide' as const,
    current: PREFIX,
    styles: [files.style.path],
    scripts: [files.script.path],
  }
  const userOf = (subject: Subject | null) =>
    access === 'public' || subject === null ? null : { name: subject.user, roles: subject.roles }
  const config = { access, rate: 'pages' as const }

  const documentation: Documentation = {
    find: async (question) => (await search()).find(question),
    async page(name) {
      const page = byName.get(name)
      return page ? plainMarkdown(all, page, readPage(page)) : null
    },
  }
  const routes: WebRoutes = {
    name: 'docs',
    prefix: PREFIX,
    // The sections about codes are for operators.
    helpFor: (code, person) =>
      person === undefined
        ? `${PREFIX}/look-up/${CODES.test(code) ? 'error' : 'reason'}-codes#${code.toLowerCase()}`
        : `${PREFIX}/${FOR_PEOPLE[person]}`,
    async routes(web) {
      web.get('/', { config }, async ({ subject, headers }, reply) => {
        // The list of pages is for operators.
        if (isPerson(subject)) return reply.redirect(`${PREFIX}/${FOR_PEOPLE[languageOf(headers)]}`, 302)
        const body = frame(contents, null, overview(contents))
        return reply.page(pages.render({ ...parts, title: 'Documentation', body, user: userOf(subject) }))
      })
      const querystring = Type.Object({ q: Type.Optional(Type.String({ maxLength: 200 })) })
      web.get<{ Querystring: { q?: string } }>(
        '/search',
        { config, schema: { querystring } },
        async (request, reply) => {
          const { q = '' } = request.query
          const isFolded = isPerson(request.subject)
          // Pages for operators are English.
          const language = isFolded ? languageOf(request.headers) : 'en'
          const found = results(q, (await search()).find(q), language)
          const body = frame(contents, null, found, { query: q, isFolded, language })
          const title = texts[language].search
          return reply.page(pages.render({ ...parts, title, body, user: userOf(request.subject), language }))
        },
      )
      web.get('/search.json', { config }, async (_request, reply) =>
        reply
          .type('application/json; charset=utf-8')
          .header('cache-control', 'private, no-cache')
          .header('content-encoding', 'gzip')
          .send(await zipped()),
      )
      for (const { path, type, content } of Object.values(files))
        web.get(
          path.slice(PREFIX.length),
          { config: { access: 'public', rate: 'pages' } },
          async (_request, reply) =>
            reply.type(type).header('cache-control', 'public, max-age=31536000, immutable').send(content),
        )
      web.get<{ Params: { name: string } }>('/pictures/:name', { config }, async ({ params }, reply) => {
        const picture = readPicture(params.name)
        if (picture === null) throw problemFor('page_not_found', 'The documentation has no such picture.')
        return reply
          .type(params.name.endsWith('.svg') ? 'image/svg+xml' : 'image/webp')
          .header('content-security-policy', PICTURE_POLICY)
          .send(picture)
      })
      web.get('/llms.txt', { config }, async (_request, reply) =>
        reply.type('text/plain; charset=utf-8').send(readingList(contents)),
      )
      web.get<{ Params: { '*': string } }>('/*', { config }, async ({ params, subject }, reply) => {
        const name = params['*']
        const plain = name.endsWith('.md') ? await documentation.page(name.slice(0, -'.md'.length)) : null
        if (plain !== null) return reply.type('text/markdown; charset=utf-8').send(plain)
        const content = await rendered(name)
        const page = byName.get(name)!
        const { language = 'en' } = page
        const body = frame(contents, name, article(content, page, translationsOf(page)), {
          isFolded: isPerson(subject),
          language,
        })
        return reply.page(
          pages.render({ ...parts, title: titleOf(page), body, user: userOf(subject), language }),
        )
      })
    },
  }
  return { routes, documentation }
}

/** The one style sheet and the one script of the pages, whose names change with their content. */
function assets() {
  const read = (name: string) => readFileSync(join(import.meta.dirname, 'browser', name), 'utf8')
  // The package exports its modules only; the script is in its folder beside them.
  const library = createRequire(import.meta.url).resolve('minisearch')
  const script = readFileSync(join(dirname(library), '../umd/index.js'), 'utf8').replace(
    /^\/\/# source.*$/m,
    '',
  )
  const file = (name: string, extension: string, type: string, content: string) => {
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 12)
    return { path: `${PREFIX}/assets/${name}-${hash}.${extension}`, type, content }
  }
  return {
    style: file('docs', 'css', 'text/css; charset=utf-8', read('docs.css')),
    script: file('search', 'js', 'text/javascript; charset=utf-8', `${script}\n{${read('search.js')}}\n`),
  }
}

function lazily<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined
  return () => {
    loading ??= load()
    return loading
  }
}
