import assert from 'node:assert/strict'
import { withDeadline } from '../kernel/deadline.ts'

/** The parts of a test framework that the suites use; a tap test has them. */
export interface ConformTest {
  test(name: string, run: (t: ConformTest) => Promise<void>): unknown
  ok(value: unknown, message: string): unknown
}

/**
 * Lets the suites run under other test frameworks: pass the `test` function of `node:test` or vitest, which registers
 * each test of a suite by its name. A failure is an `AssertionError`.
 */
export function conformTest(test: (name: string, run: () => Promise<void>) => unknown): ConformTest {
  const t: ConformTest = {
    test: (name, run) => test(name, () => run(t)),
    ok: (value, message) => assert.ok(value, message),
  }
  return t
}

const DEADLINE_MS = 30_000

/** The result of `promise`, or a rejection that names `what` after `ms` milliseconds (default 30 s). */
export const inTime = <T>(promise: Promise<T>, what: string, ms: number = DEADLINE_MS): Promise<T> =>
  withDeadline(
    () => promise,
    ms,
    () => new Error(`${what} took more than ${ms} ms`),
  )

/** Makes tests, each of which gets what `open` opens for it. It is closed afterwards. */
export const testsWith =
  <U extends { close(): Promise<void> }>(t: ConformTest, open: () => Promise<U>) =>
  (name: string, run: (t: ConformTest, under: U) => unknown): void =>
    void t.test(name, async (t) => {
      const under = await inTime(open(), 'open')
      try {
        await run(t, under)
      } finally {
        await under.close()
      }
    })
