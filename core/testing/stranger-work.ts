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

/** Node.js before 23.9 counts the whole process only. */
const usage = (process.threadCpuUsage ?? process.cpuUsage).bind(process)

/** Runs it, and returns the processor time that it took in this thread before it returned, in milliseconds. */
export function cpuMs<T>(run: () => T): { readonly ms: number; readonly result: T } {
  const before = usage()
  const result = run()
  const { user, system } = usage(before)
  return { ms: Math.round((user + system) / 1_000), result }
}
