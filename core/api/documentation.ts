import { serviceRef } from '../kernel/reference.ts'

/** A place of the documentation that a search found. */
export interface DocumentationPlace {
  /** Page and anchor: `look-up/limits#public-port`. */
  readonly id: string
  readonly title: string
  readonly heading: string
  readonly excerpt: string
}

/** The documentation of this version. */
export interface Documentation {
  /** The places that answer a question best, the best one first. */
  find(question: string): Promise<readonly DocumentationPlace[]>
  /** The Markdown of a page, by a name such as `how-to/backup`; null: there is none. */
  page(name: string): Promise<string | null>
}

/** The documentation of this version. Provided by docs. */
export const documentation = serviceRef<Documentation>('documentation')
