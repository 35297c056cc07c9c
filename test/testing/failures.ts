import { type ConformTest, conformTest } from '../../core/testing/index.ts'

type Test = readonly [name: string, run: () => Promise<void>]

function testsOf(suite: (t: ConformTest) => void): readonly Test[] {
  const tests: Test[] = []
  suite(conformTest((name, run) => tests.push([name, run])))
  return tests
}

/**
 * Runs a suite, one test after the other, with the adapter for other frameworks; returns the names of its failed tests.
 * `only` names the tests to run; all if it is empty.
 */
export async function failuresOf(
  suite: (t: ConformTest) => void,
  only: readonly string[] = [],
): Promise<readonly string[]> {
  const failed: string[] = []
  for (const [name, run] of testsOf(suite))
    if (only.length === 0 || only.includes(name)) await run().catch(() => failed.push(name))
  return failed
}

/** The tests of a suite that no flaw is known to fail. */
export const unprovenOf = (
  suite: (t: ConformTest) => void,
  flaws: Readonly<Record<string, readonly string[]>>,
): readonly string[] => {
  const found = new Set(Object.values(flaws).flat())
  return testsOf(suite).flatMap(([name]) => (found.has(name) ? [] : [name]))
}
