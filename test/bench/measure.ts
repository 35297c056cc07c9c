import type { ChildProcess } from 'node:child_process'
import type { BenchMachine } from './bench-machine.ts'
import { nextMessage } from './children.ts'
import type { LoadJob, LoadReport, LoadResult } from './load-job.ts'
import { cpuMicrosecondsOfEach, type MachineUse, watchMachine } from './processes.ts'
import { rangeOf } from './row.ts'
import { interleave, median } from './statistics.ts'
import type { Target } from './target.ts'
import { Yardstick } from './yardstick.ts'

/** One target in one round. */
export interface Sample extends LoadResult {
  /** Processor time for each exchange, by the process's name, in microseconds. */
  readonly cpuUs: Readonly<Record<string, number>>
  /** What else happened on the machine meanwhile. */
  readonly machine: MachineUse
  /** How much of one processor the busiest load generator used (1: all of it). */
  readonly loadShare: number
}

/** Starts a job at a generator; resolves when its warm-up is over. `done` resolves with what it counted. */
export async function begin(
  load: ChildProcess,
  job: Omit<LoadJob, 'echo' | 'pauseMs' | 'perSecond' | 'bodyBytes' | 'warmUpMs'> & Partial<LoadJob>,
): Promise<{ done: Promise<LoadResult> }> {
  load.send({ echo: false, pauseMs: 0, perSecond: 0, bodyBytes: 0, warmUpMs: 300, ...job } satisfies LoadJob)
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
  const cpu = () => cpuMicrosecondsOfEach([load.pid as number, ...Object.values(target.processes)])
  const before = cpu()
  const [machine, from] = [watchMachine(), performance.now()]
  const result = await done
  const use = machine()
  const [loadUs = 0, ...used] = cpu().map((after, at) => after - (before[at] ?? 0))
  const loadShare = loadUs / (performance.now() - from) / 1000
  const cpuUs = Object.keys(target.processes).map((name, at) => [
    name,
    (used[at] ?? 0) / Math.max(1, result.exchanges),
  ])
  return { ...result, cpuUs: Object.fromEntries(cpuUs), machine: use, loadShare }
}

/** A round says nothing when more of the machine than this was idle, or used by strangers. */
const MOST_UNUSED = 0.1
/** A load generator of one thread that uses this much of a processor is itself the limit. */
const AT_ITS_LIMIT = 0.85

/**
 * Why a sample voids its round; null when it does not. `saturated`: the load is meant to bring the target to its limit. A
 * machine that is partly idle shows that it did not, if the generator had nothing left to give; otherwise the target itself
 * waits for its own hops.
 */
export function voidReason(
  { idle, strangers }: MachineUse,
  saturated: boolean,
  loadShare: number,
): string | null {
  const percent = (share: number) => `${Math.round(share * 100)} %`
  if (strangers > MOST_UNUSED) return `other processes used ${percent(strangers)} of the machine`
  if (!saturated || idle <= MOST_UNUSED || loadShare < AT_ITS_LIMIT) return null
  return `${percent(idle)} of the machine was idle, while the load generator was at its limit`
}

/** With fewer valid rounds there is no figure. */
const LEAST_ROUNDS = 3

/** What a round measures. */
interface Named {
  readonly name: string
}

interface Round<T, S> {
  readonly number: number
  readonly samples: ReadonlyMap<T, S>
  /** What the fixed piece of work took beside the targets, in milliseconds. */
  readonly workMs: readonly number[]
  /** Why it is void, by its samples; null: it is valid. */
  readonly reason: string | null
}

/** How often one round measures a target until nothing disturbs it. */
const MOST_TRIES = 4

/**
 * Measures all targets in interleaved rounds, numbered from 0. Round 0 warms everything up and is dropped; a target's samples
 * are in the order of the rounds. A target waits for a machine that is slower than usual, and is measured again if the
 * machine was slower meanwhile or others used it. A round in which one target was disturbed each time is dropped for every
 * target and measured again, at most twice as many rounds as asked for. Rejects when fewer than three are left. A sample may
 * have the `machine` and `loadShare` of a `Sample`.
 */
export async function inRounds<T extends Named, S extends object>(
  { options, note }: Pick<BenchMachine, 'options' | 'note'>,
  targets: readonly T[],
  measure: (target: T, round: number) => Promise<S>,
  { saturated = false, yardstick = new Yardstick() }: { saturated?: boolean; yardstick?: Yardstick } = {},
): Promise<(target: T) => S[]> {
  const all: Round<T, S>[] = []
  const reasonOf = ({ reason, workMs }: Round<T, S>) => reason ?? yardstick.slowness(workMs)
  const valid = () => all.filter((round) => reasonOf(round) === null)
  let again = 0
  yardstick.calibrate()
  for (const [number, order] of interleave(targets, 2 * options.rounds + 1).entries()) {
    if (valid().length >= options.rounds) break
    options.progress(`  round ${number}`)
    const round = await measureRound(number, order)
    if (number > 0) all.push(round)
  }
  const [least, most] = rangeOf(yardstick.times).map((ms) => ms.toFixed(1))
  const middle = median(yardstick.times).toFixed(1)
  note(`the fixed piece of work took ${least} to ${most} ms, ${middle} in the median`)
  if (again > 0) note(`${again} times a target was measured again, as something disturbed it`)
  for (const round of all) {
    const reason = reasonOf(round)
    if (reason !== null) note(`round ${round.number} is void: ${reason}`)
  }
  const kept = valid()
  if (kept.length < LEAST_ROUNDS)
    throw new Error(`no figure: only ${kept.length} of ${all.length} rounds were valid`)
  return (target) => kept.flatMap(({ samples }) => samples.get(target) ?? [])

  async function measureRound(number: number, order: readonly T[]): Promise<Round<T, S>> {
    const samples = new Map<T, S>()
    const workMs: number[] = []
    for (const target of order) {
      // The first round is dropped anyway.
      const tries = number === 0 ? 1 : MOST_TRIES
      for (let left = tries; ; left -= 1) {
        const { one, times, reason } = await measureOnce(target, number)
        if (reason !== null && left > 1) {
          again += 1
          continue
        }
        samples.set(target, one)
        workMs.push(...times)
        // The targets after one that was disturbed each time would be measured for nothing.
        if (reason !== null && number > 0)
          return { number, samples, workMs, reason: `through ${target.name}, ${reason}` }
        break
      }
    }
    return { number, samples, workMs, reason: null }
  }

  async function measureOnce(target: T, number: number) {
    const before = await yardstick.settled()
    const one = await measure(target, number).catch((error: Error) => {
      throw new Error(`through ${target.name}: ${error.message}`)
    })
    const times = [before, yardstick.take()]
    const { machine, loadShare = 0 } = one as Partial<Pick<Sample, 'machine' | 'loadShare'>>
    const disturbed = machine ? voidReason(machine, saturated, loadShare) : null
    return { one, times, reason: disturbed ?? yardstick.slowness(times) }
  }
}

/** Leaves out what is not installed. */
export const present = <T>(values: readonly (T | null)[]): T[] => values.filter((value) => value !== null)
