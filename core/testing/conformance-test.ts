/** The parts of a test framework that the suites use; a tap test has them. */
export interface ConformTest {
  test(name: string, run: (t: ConformTest) => Promise<void>): unknown
  ok(value: unknown, message: string): unknown
}
