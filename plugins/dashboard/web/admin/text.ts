import { createTexts } from '../text.ts'
import { sentences } from '../texts/en-sentences.ts'
import { words } from '../texts/en-words.ts'

const en = { ...words, ...sentences }

/** Texts of the administration. */
export const { text: a, load: loadAdminTexts } = createTexts(en, async () => {
  const [{ words }, { sentences }] = await Promise.all([
    import('../texts/de-words.ts'),
    import('../texts/de-sentences.ts'),
  ])
  return { ...words, ...sentences }
})
export type Key = keyof typeof en
