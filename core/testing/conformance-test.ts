/** What the suites need of a test framework; a tap test has it. */
export interface ConformTest {
  test(name: string, run: (t: ConformTest) => Promise<void>): unknown
  ok(value: unknown, message: string): unknown
}
