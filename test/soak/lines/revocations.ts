import { quantile } from '../../bench/statistics.ts'
import { revokeInRounds, startRevocations } from '../../e2e/revocations.ts'
import type { Outcome, SoakFigure, SoakRun } from '../line.ts'

const ROUNDS = 100

export const revocations = {
  name: 'revocations',
  summary: `E71 G102 I117, faults 10 and 11: ${ROUNDS} revocations at two hubs, half of them without notifications`,
  async run({ teardown }: SoakRun): Promise<Outcome> {
    const started = await startRevocations({ teardown }, { emptyDatabase: true })
    const { here, there, missed, reported, rightShare, deafened } = await revokeInRounds(started, ROUNDS)
    return {
      growths: [],
      figures: [
        most('streams not cut', missed.length, '', 0),
        least('streams cut at the same hub', here.length, '', 4 * ROUNDS),
        least('streams cut at the other hub', there.length, '', 4 * ROUNDS),
        least('notification connections cut', deafened, '', ROUNDS / 2),
        most('same hub, p50', quantile(here, 0.5), 'ms', 500),
        most('same hub, p99', quantile(here, 0.99), 'ms', 3_000),
        most('other hub, p50', quantile(there, 0.5), 'ms', 1_000),
        most('other hub, p99', quantile(there, 0.99), 'ms', 4_000),
        least('responses that report what was cut', rightShare * 100, '%', 95),
        { what: 'reported, p99', value: quantile(reported, 0.99), unit: 'ms', limit: null },
      ],
    }
  },
}

const most = (what: string, value: number, unit: string, limit: number): SoakFigure => ({
  what,
  value,
  unit,
  limit: { kind: 'most', value: limit } as const,
})
const least = (what: string, value: number, unit: string, limit: number): SoakFigure => ({
  what,
  value,
  unit,
  limit: { kind: 'least', value: limit } as const,
})
