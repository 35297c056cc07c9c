import { createTexts } from '../text.ts'
import { lists } from '../texts/en-lists.ts'
import { sentences } from '../texts/en-sentences.ts'
import { words } from '../texts/en-words.ts'

const en = { ...words, ...sentences, ...lists }

/** Texts of the administration. */
export const { text: a, load: loadAdminTexts } = createTexts(en, async () => {
  const [{ words }, { sentences }, { lists }] = await Promise.all([
    import('../texts/de-words.ts'),
    import('../texts/de-sentences.ts'),
    import('../texts/de-lists.ts'),
  ])
  return { ...words, ...sentences, ...lists }
})
export type Key = keyof typeof en
