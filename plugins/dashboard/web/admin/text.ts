import { type Say, sayIn } from '../../part-texts.ts'
import { createTexts, language } from '../text.ts'
import { lists } from '../texts/en-lists.ts'
import { sentences } from '../texts/en-sentences.ts'
import { words } from '../texts/en-words.ts'

const en = { ...words, ...sentences, ...lists }

/** Texts of the administration. */
export const { text: a, load: loadAdminTexts } = createTexts(en, async () => {
  const [{ words }, { sentences }, { lists }, { said }, { help }] = await Promise.all([
    import('../texts/de-words.ts'),
    import('../texts/de-sentences.ts'),
    import('../texts/de-lists.ts'),
    import('../texts/de-said.ts'),
    import('../texts/de-help.ts'),
  ])
  say = sayIn({ de: { ...said, ...help } }, language)
  return { ...words, ...sentences, ...lists }
})
export type Key = keyof typeof en

let say: Say = (english) => english

const UNITS = { second: 'Sekunde', minute: 'Minute', hour: 'Stunde', day: 'Tag' } as const

/** A state, a kind or a problem that the hub says in English, in the reader's language; as it is if nobody has translated it. */
export function said(english: string): string {
  const text = say(english)
  if (text === english) return text
  return text.replaceAll(
    /\b(\d+) (second|minute|hour|day)(s?)\b/g,
    (_, count, unit: keyof typeof UNITS, plural) => {
      const word = UNITS[unit]
      return `${count} ${plural === '' ? word : word + (unit === 'day' ? 'en' : 'n')}`
    },
  )
}
