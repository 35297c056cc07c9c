// together: quick
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { answers } from './arbitrary-responses.ts'
import { compareAnswer } from './response-comparison.ts'
import { type AnswerBytes, readOurs } from './response-reader.ts'

/** Answers that were once read in two ways. */
const seeds: AnswerBytes[] = JSON.parse(
  readFileSync(join(import.meta.dirname, 'response-fuzz-seeds.json'), 'utf8'),
)
/** Four times as many, with `FUZZ_RUNS`, take seven seconds. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 2_000)

t.test('F87 responses that were once ambiguous are read in one way', async (t) => {
  for (const seed of seeds)
    t.equal(await compareAnswer(seed), null, JSON.stringify(seed.chunks).slice(0, 200))
})

t.test('F87 whole and broken responses are read as by Node.js, or rejected', async (t) => {
  let read = 0
  await fc.assert(
    fc.asyncProperty(answers, async (answer) => {
      const problem = await compareAnswer(answer)
      if (problem !== null)
        throw new Error(`${problem}\nadd to response-fuzz-seeds.json: ${JSON.stringify(answer)}`)
      if (readOurs(answer).fault === null) read++
    }),
    { numRuns: RUNS },
  )
  t.ok(read > RUNS / 10, `${read} of them are answers`)
})
