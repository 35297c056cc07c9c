/** What strangers may send: long, and hard for careless patterns. */
export const HARD_TEXTS: readonly string[] = [
  '',
  ' ',
  'x'.repeat(16_384),
  `${'a'.repeat(8_000)}!`,
  `${'. '.repeat(8_000)}`,
  `${'='.repeat(8_000)}x`,
  'ÿ\t"\\',
  '__proto__',
]

/** Of one look at a text of a stranger; far more than a look-up needs. */
export const MOST_CPU_MS = 100

/** Runs it, and returns the processor time that it took before it returned, in milliseconds. */
export function cpuMs<T>(run: () => T): { readonly ms: number; readonly result: T } {
  const before = process.cpuUsage()
  const result = run()
  const { user, system } = process.cpuUsage(before)
  return { ms: Math.round((user + system) / 1_000), result }
}
