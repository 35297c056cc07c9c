import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, present, type Sample } from '../measure.ts'
import { missingPrograms } from '../programs-needed.ts'
import { type Figure, least, most } from '../row.ts'
import { median, ratio } from '../statistics.ts'
import { PLAIN } from '../targets/plain-proxy.ts'

const CONNECTIONS = 64

export const requests = {
  name: 'requests',
  summary: `requests a second and processor time: 1 KiB answers, ${CONNECTIONS} kept TLS connections`,
  async run(machine: BenchMachine): Promise<Figure[]> {
    const missing = missingPrograms(['h2load'])
    if (missing !== null) {
      machine.note(missing)
      return []
    }
    const { many, single } = await machine.ours()
    const baselines = present([
      await machine.plainProxy(),
      await machine.nginx(),
      await machine.nginxOverSsh(),
    ])
    const of = await inRounds(machine, [many, single, ...baselines], (target, round) =>
      h2load(machine, target, {
        ...{ path: '/bytes/1024', connections: CONNECTIONS, streams: 1, http2: false },
        ...{ seconds: machine.options.seconds, round },
      }),
    )
    const rates = (samples: readonly Sample[]) => samples.map((each) => each.exchanges / each.seconds)
    const goals = {
      [PLAIN]: least(1.7, 2.2),
      nginx: least(0.38, 0.6),
      'nginx + ssh -R': least(0.9, 1.2),
    }
    const kinds = [
      { target: many, what: 'requests' },
      { target: single, what: 'requests, one session for all' },
    ]
    const figures = kinds.flatMap(({ target, what }) =>
      baselines.map((baseline): Figure => {
        const [mine, theirs] = [rates(of(target)), rates(of(baseline))]
        return {
          what,
          against: { name: baseline.name, value: median(theirs) },
          ...{ ours: median(mine), unit: 'req/s', ratio: ratio(mine, theirs) },
          goal: goals[baseline.name as keyof typeof goals] ?? null,
        }
      }),
    )
    const cpu = (samples: readonly Sample[], name: string) =>
      median(samples.map((each) => each.cpuUs[name] ?? Number.NaN))
    const alone = (what: string, ours: number, goal: Figure['goal']): Figure => ({
      ...{ what, ours, goal, unit: 'us/request', against: null, ratio: null },
    })
    return [
      ...figures,
      alone('processor time of the hub', cpu(of(many), 'hub'), most(60, 40)),
      alone('processor time of the agent', cpu(of(many), 'agent'), most(28, 20)),
      ...('database' in many.processes
        ? [alone('processor time of PostgreSQL', cpu(of(many), 'database'), null)]
        : []),
      ...baselines.flatMap((baseline) =>
        Object.keys(baseline.processes).map((name) =>
          alone(`  ${baseline.name}: ${name}`, cpu(of(baseline), name), null),
        ),
      ),
    ]
  },
}
