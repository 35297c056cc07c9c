import type { Language } from '../../../api/pages.ts'
import { de } from './de.ts'
import { en } from './en.ts'

export type Texts = typeof en

/** The texts of the template and of the pages about errors. A plugin keeps the texts of its own pages beside them. */
export const texts: Readonly<Record<Language, Texts>> = { en, de }

const LANGUAGES = Object.keys(texts) as Language[]

/** The language that an `Accept-Language` header prefers (RFC 9110 section 12.5.4); English if there is none. */
export function languageOf(acceptLanguage: string | undefined): Language {
  const wanted = (acceptLanguage ?? '')
    .slice(0, 512)
    .split(',')
    .map((range) => {
      const [tag = '', ...parameters] = range
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      const quality = parameters.find((one) => one.startsWith('q='))
      return { language: tag.split('-', 1)[0], weight: quality === undefined ? 1 : Number(quality.slice(2)) }
    })
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight)
  for (const { language } of wanted) {
    const found = LANGUAGES.find((one) => one === language)
    if (found !== undefined) return found
  }
  return 'en'
}
