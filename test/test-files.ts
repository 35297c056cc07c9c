import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readTally, type Tally } from './tally.ts'
import type { TestReport } from './test-report.ts'
import type { Unit } from './units.ts'

/** How long a file may take, in seconds: more than the longest group of files takes on a machine that is ten times as slow. */
const FILE_S = 2_400
/**
 * How long a file may write nothing, in milliseconds, also after something in it has failed: what a failed assertion has
 * left open keeps a process alive, and nothing else takes as long. At a time-out tap names what was open.
 */
const SILENCE = { longestMs: 300_000, failedMs: 90_000 }
const OUTPUT_MS = 5_000
/**
 * Tests wait for more than half of their time, so as many files run at once as there are processors and two more, and up to
 * as many again while a part of the processors' time is left over: tests of deadlines need a machine that keeps up.
 */
const MORE = { steady: 2, spare: 2, idle: 0.25, everyMs: 1_000 }
const KILL_AFTER_MS = 20_000

/**
 * Runs units of test files, each in a process of its own, the first ones first, and reports each as it ends. `envOf` is the
 * environment of a unit, which waits for it; so many run `atOnce`. `tap run` does the same for twice the processor time, because it loads its
 * coverage into every process.
 */
export async function runFiles(
  units: readonly Unit[],
  envOf: (unit: Unit) => Promise<NodeJS.ProcessEnv>,
  report: TestReport,
  { silence = SILENCE, atOnce = availableParallelism() + MORE.steady } = {},
): Promise<Tally> {
  const waiting = [...units]
  const ended: Tally[] = []
  const runNext = async () => {
    const unit = waiting.shift()
    if (unit === undefined) return
    const env = await envOf(unit)
    const started = performance.now()
    const { lines, tally } = await runUnit(unit, env, silence)
    ended.push(tally)
    const seconds = ((performance.now() - started) / 1_000).toFixed(1)
    report.line(`# Subtest: ${unit.name}`)
    for (const line of lines) report.line(`    ${line}`)
    report.line(`${tally.failed > 0 ? 'not ok' : 'ok'} ${ended.length} - ${unit.name} # ${seconds} s`)
  }
  const work = async () => {
    while (waiting.length > 0) await runNext()
  }
  const spare = new Set<Promise<void>>()
  const workWhileIdle = async () => {
    while (waiting.length > 0) {
      const idle = await idleShare(MORE.everyMs)
      if (idle < MORE.idle || spare.size === MORE.spare) continue
      const run: Promise<void> = runNext().finally(() => spare.delete(run))
      spare.add(run)
    }
  }
  await Promise.all([...Array.from({ length: atOnce }, work), workWhileIdle()])
  await Promise.all(spare)
  const sum = (of: keyof Tally) => ended.reduce((total, tally) => total + tally[of], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}

/** The part of the processors' time that nobody used in the next `ms` milliseconds. */
async function idleShare(ms: number): Promise<number> {
  const read = () => {
    const times = cpus().map((one) => one.times)
    const all = times.reduce((sum, one) => sum + one.user + one.nice + one.sys + one.idle + one.irq, 0)
    return { all, idle: times.reduce((sum, one) => sum + one.idle, 0) }
  }
  const before = read()
  await pause(ms)
  const after = read()
  return (after.idle - before.idle) / Math.max(after.all - before.all, 1)
}

const here = (name: string) => join(import.meta.dirname, name)

/** The output of a unit, and its tally; a process that ends badly without a failed test counts as one. */
async function runUnit(
  { name, files }: Unit,
  env: NodeJS.ProcessEnv,
  { longestMs, failedMs }: typeof SILENCE,
): Promise<{ lines: string[]; tally: Tally }> {
  const child = spawn(
    process.execPath,
    [`--import=${here('open-handles.ts')}`, ...(files.length > 1 ? [here('together.ts'), name] : files)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...env, TAP_TIMEOUT: String(FILE_S), MEZITE_TEST_FILES: files.join(' ') },
    },
  )
  // Whatever a test has started may hold its output open; the output, and not the wait, then keeps this process alive.
  const ended = once(child, 'exit')
  const closed = Promise.race([
    once(child, 'close'),
    ended.then(() => pause(OUTPUT_MS, null, { ref: false })),
  ])
  let text = ''
  let failed = false
  let killing: NodeJS.Timeout | undefined
  const giveUp = () => {
    child.kill('SIGALRM')
    killing = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS)
  }
  let silent = setTimeout(giveUp, longestMs)
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    failed ||= /^ *not ok /m.test(chunk)
    if (killing !== undefined) return
    clearTimeout(silent)
    silent = setTimeout(giveUp, failed ? failedMs : longestMs)
  })
  const [code] = await ended
  clearTimeout(silent)
  clearTimeout(killing)
  await closed
  const lines = text.split('\n')
  const found = lines.map(readTally).findLast((tally) => tally !== null)
  const tally = found ?? { passed: 0, failed: 0, skipped: 0 }
  if (tally.failed > 0) return { lines, tally }
  const skipped = lines.some((line) => line.startsWith('1..0 '))
  if (code === 0 && (found || skipped)) return { lines, tally }
  lines.push(`the process ended with ${code ?? child.signalCode}${found ? '' : ' before its tests did'}`)
  return { lines, tally: { ...tally, failed: 1 } }
}
