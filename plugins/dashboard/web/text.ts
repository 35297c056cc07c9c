import type { Catalogue } from './texts/catalogue.ts'
import { en } from './texts/en.ts'

type Values = Readonly<Record<string, string | number>>

/** BCP 47 tag of the catalogue in use, also for numbers and times: the first of the browser's languages that there is. */
export const language =
  navigator.languages.map((tag) => tag.split('-', 1)[0]!).find((tag) => tag === 'de' || tag === 'en') ?? 'en'

const plurals = new Intl.PluralRules(language)
const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 1 })

/** A number with the separators of the reader's language. */
export const formatNumber = (value: number): string => numbers.format(value)

/** A function that returns the text of a key with its values filled in, and one that loads the browser's language. */
export function createTexts<Texts extends Readonly<Record<string, string>>>(
  english: Texts,
  german: () => Promise<Catalogue<Texts>>,
) {
  let texts: Catalogue<Texts> = english
  return {
    /** Values are text, never markup. */
    text: (key: keyof Texts, values: Values = {}): string =>
      texts[key].replaceAll(
        /\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g,
        (whole, name: string, one?: string, other?: string) => {
          const value = values[name] ?? whole
          const shown = typeof value === 'number' ? formatNumber(value) : value
          if (one === undefined) return shown
          return `${shown} ${plurals.select(Number(value)) === 'one' ? one : other}`
        },
      ),
    async load(): Promise<void> {
      if (language === 'de') texts = await german()
      document.documentElement.lang = language
    },
  }
}

/** Texts of the launcher and of parts that every page uses. */
export const { text: t, load: loadTexts } = createTexts(en, async () => (await import('./texts/de.ts')).de)
