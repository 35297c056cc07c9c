// together: quick
/** Sentences of the dashboard with numbers in them. */
import t from 'tap'
import { createTexts, formatNumber } from '../../../plugins/dashboard/web/text.ts'
import { de } from '../../../plugins/dashboard/web/texts/de.ts'
import { sentences as deSentences } from '../../../plugins/dashboard/web/texts/de-sentences.ts'
import { words as deWords } from '../../../plugins/dashboard/web/texts/de-words.ts'
import { en } from '../../../plugins/dashboard/web/texts/en.ts'
import { sentences as enSentences } from '../../../plugins/dashboard/web/texts/en-sentences.ts'
import { words as enWords } from '../../../plugins/dashboard/web/texts/en-words.ts'

t.test('a word has the form that its language has for the number', async (t) => {
  const { text } = createTexts(enSentences, async () => deSentences)
  t.equal(text('peopleWithRole', { count: 0 }), '0 people have this role.')
  t.equal(text('peopleWithRole', { count: 1 }), '1 person has this role.')
  t.equal(text('sessionEnded', { sessions: 1, count: 2 }), 'Ended 1 session. 2 live connections cut.')
  t.equal(text('sessionEnded', { sessions: 21, count: 1 }), 'Ended 21 sessions. 1 live connection cut.')
  t.equal(text('locked', { name: '{count:a|b}', count: 1 }), 'Locked {count:a|b}. 1 live connection cut.')
})

t.test('numbers have the separators of the language, wherever a text or a table has one', async (t) => {
  const { text } = createTexts(enSentences, async () => deSentences)
  t.equal(text('peopleWithRole', { count: 3_001 }), '3,001 people have this role.')
  t.equal(text('mayOpen', { count: '3001' }), '3001 accounts may open this application.', 'a text stays')
  t.equal(formatNumber(1_234_567.89), '1,234,567.9')
})

t.test('no sentence has a count before a word with only one form', async (t) => {
  for (const texts of [en, de, enSentences, deSentences, enWords, deWords])
    for (const [key, text] of Object.entries(texts))
      if (!['andMore', 'found'].includes(key))
        t.notMatch(text, /\{(?:count|sessions|errors)\} \p{Ll}*s\b/u, key)
})
