import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Language } from '@mezite/core/types'
import { changesOf } from './changelog.ts'

/** One page. */
export interface Page {
  /** Path below `/web/docs/`, such as `how-to/backup`. */
  readonly name: string
  readonly title: string
  /** File of the page, from the root of the repository. Links in the page are relative to it. */
  readonly source: string
  /** The heading of the one section of the file that is the page; absent: the whole file. */
  readonly section?: string
  /** Absent: English. */
  readonly language?: Language
  /** The page in English that says the same. */
  readonly translates?: string
}

/** A group of pages in the navigation. */
export interface Section {
  readonly title: string
  /** The need that its pages meet, in one sentence. */
  readonly about: string
  readonly pages: readonly Page[]
}

const here = import.meta.dirname
/** A package has copies of all pages; a checkout reads them where they are written. */
const isPackage = basename(here) === 'dist'
const folder = join(here, 'pages')

/** The table of contents, in the order of the navigation. */
export function readContents(): readonly Section[] {
  return JSON.parse(readFileSync(join(folder, 'contents.json'), 'utf8'))
}

/** The Markdown of a page. */
export function readPage({ name, source, section }: Page): string {
  const text = readFileSync(isPackage ? join(folder, `${name}.md`) : join(here, '../..', source), 'utf8')
  return isPackage || section === undefined ? text : changesOf(text, section)
}

/** A picture that pages show, or null. */
export function readPicture(name: string): Buffer | null {
  const file = join(folder, 'pictures', name)
  return /^[a-z0-9-]+\.(?:svg|webp)$/.test(name) && existsSync(file) ? readFileSync(file) : null
}
