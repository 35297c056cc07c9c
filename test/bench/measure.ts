import type { ChildProcess } from 'node:child_process'
import type { BenchMachine } from './bench-machine.ts'
import { nextMessage } from './children.ts'
import type { LoadJob, LoadReport, LoadResult } from './load-job.ts'
import { cpuMicroseconds } from './processes.ts'
import { interleave } from './statistics.ts'
import type { Target } from './target.ts'

/** One target in one round. */
export interface Sample extends LoadResult {
  /** Processor time for each exchange, by the process's name, in microseconds. */
  readonly cpuUs: Readonly<Record<string, number>>
}

/** Starts a job at a generator; resolves when its warm-up is over. `done` resolves with what it counted. */
export async function begin(
  load: ChildProcess,
  job: Omit<LoadJob, 'echo' | 'pauseMs' | 'bodyBytes' | 'warmUpMs'> & Partial<LoadJob>,
): Promise<{ done: Promise<LoadResult> }> {
  load.send({ echo: false, pauseMs: 0, bodyBytes: 0, warmUpMs: 300, ...job } satisfies LoadJob)
  const first = await report(load)
  if (first.kind !== 'begun') throw new Error('the load generator was done before it began')
  return { done: job.ms === 0 ? Promise.resolve(nothing) : report(load).then(asResult) }
}

const nothing: LoadResult = { exchanges: 0, bytes: 0, seconds: 0, p50Ms: Number.NaN, p99Ms: Number.NaN }

async function report(load: ChildProcess): Promise<LoadReport> {
  const message = (await nextMessage(load)) as LoadReport
  if (message.kind === 'failed') throw new Error(`load: ${message.message}`)
  return message
}

function asResult(message: LoadReport): LoadResult {
  if (message.kind !== 'done') throw new Error('the load generator began twice')
  return message
}

/** One measurement with the processor time of the target's processes. */
export async function sample(
  load: ChildProcess,
  target: Target,
  job: Parameters<typeof begin>[1],
): Promise<Sample> {
  const { done } = await begin(load, job)
  const cpu = () => Object.values(target.processes).map(cpuMicroseconds)
  const before = cpu()
  const result = await done
  const after = cpu()
  const names = Object.keys(target.processes)
  const cpuUs = names.map((name, at) => [
    name,
    ((after[at] ?? 0) - (before[at] ?? 0)) / Math.max(1, result.exchanges),
  ])
  return { ...result, cpuUs: Object.fromEntries(cpuUs) }
}

/**
 * Measures all targets in interleaved rounds, numbered from 0. Round 0 warms everything up and is dropped; a target's samples
 * are in the order of the rounds.
 */
export async function inRounds<S>(
  { options }: Pick<BenchMachine, 'options'>,
  targets: readonly Target[],
  measure: (target: Target, round: number) => Promise<S>,
): Promise<(target: Target) => S[]> {
  const samples = new Map<Target, S[]>(targets.map((target) => [target, []]))
  for (const [round, order] of interleave(targets, options.rounds + 1).entries()) {
    options.progress(`  round ${round} of ${options.rounds}`)
    for (const target of order) {
      const measured = await measure(target, round).catch((error: Error) => {
        throw new Error(`through ${target.name}: ${error.message}`)
      })
      if (round > 0) samples.get(target)?.push(measured)
    }
  }
  return (target) => samples.get(target) ?? []
}

/** Leaves out what is not installed. */
export const present = <T>(values: readonly (T | null)[]): T[] => values.filter((value) => value !== null)
