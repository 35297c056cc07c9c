import { en } from './texts/en.ts'

/** All texts of the dashboard, by key. `{name}` stands for a value. */
export type Texts = Readonly<Record<keyof typeof en, string>>

let texts: Texts = en
/** BCP 47 tag of the catalogue in use, also for numbers and times. */
export let language = 'en'

const CATALOGUES: Readonly<Record<string, () => Promise<Texts>>> = {
  de: async () => (await import('./texts/de.ts')).de,
}

/** Loads the catalogue of the first of the browser's languages that there is one of. English needs no loading. */
export async function loadTexts(): Promise<void> {
  for (const wanted of navigator.languages) {
    const [short = ''] = wanted.split('-')
    const catalogue = CATALOGUES[short]
    if (short !== 'en' && catalogue === undefined) continue
    if (catalogue) texts = await catalogue()
    language = short
    break
  }
  document.documentElement.lang = language
}

/** The text of a key, with its values filled in. Values are never markup. */
export function t(key: keyof typeof en, values: Readonly<Record<string, string | number>> = {}): string {
  return texts[key].replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
