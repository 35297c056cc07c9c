import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** A page in the list of contents. */
interface Entry {
  readonly name: string
  readonly title: string
  readonly source: string
  /** The heading of the one section of the file that is the page. */
  readonly section?: string
}

/** What `mezctl help` prints: a page, or one section of it. */
export interface Topic {
  readonly page: string
  readonly markdown: string
}

const CODE_PAGES = ['look-up/error-codes', 'look-up/reason-codes']
const package_ = join(import.meta.dirname, '..')
const isBuilt = basename(package_) === 'dist'

/** All pages, in the order of the navigation. */
export function pageList(): readonly Entry[] {
  const sections = JSON.parse(readFileSync(join(package_, 'pages/contents.json'), 'utf8')) as readonly {
    readonly pages: readonly Entry[]
  }[]
  return sections.flatMap(({ pages }) => pages)
}

function read({ name, title, source, section }: Entry): string {
  const text = readFileSync(
    isBuilt ? join(package_, `pages/${name}.md`) : join(package_, '../..', source),
    'utf8',
  )
  if (isBuilt || section === undefined) return text.replaceAll(/^<!--[\s\S]*?-->\n*/gm, '')
  const [, ...sections] = text.split(/^## /m)
  return `# ${title}\n${sections.find((one) => one.startsWith(`${section}\n`))?.slice(section.length)}`
}

/** The page with this name (`limits` or `look-up/limits`), or the section of a code; null if there is none. */
export function findTopic(topic: string): Topic | null {
  const pages = pageList()
  const page =
    pages.find(({ name }) => name === topic) ?? pages.find(({ name }) => name.split('/').at(-1) === topic)
  if (page) return { page: page.name, markdown: read(page) }
  // No other topic has an underscore, so that most words need no look into a page.
  if (!/^[a-z][a-z0-9]*_/i.test(topic)) return null
  for (const one of pages.filter(({ name }) => CODE_PAGES.includes(name))) {
    const section = read(one)
      .split(/^(?=## )/m)
      .find((text) => text.startsWith(`## ${topic}\n`))
    if (section) return { page: one.name, markdown: section }
  }
  return null
}
