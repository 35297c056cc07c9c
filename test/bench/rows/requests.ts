import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, present, type Sample } from '../measure.ts'
import { missingPrograms } from '../programs-needed.ts'
import { type Figure, type Goal, least, most } from '../row.ts'
import { median, ratio } from '../statistics.ts'
import type { Target } from '../target.ts'
import { PLAIN } from '../targets/plain-proxy.ts'

const rates = (samples: readonly Sample[]) => samples.map((each) => each.exchanges / each.seconds)
const cpu = (samples: readonly Sample[], name: string) =>
  samples.map((each) => each.cpuUs[name] ?? Number.NaN)

/** Requests a second of `ours` against those of each baseline. */
function compared(
  what: string,
  ours: readonly Sample[],
  baselines: readonly (readonly [Target, readonly Sample[]])[],
  goals: Readonly<Record<string, Goal>>,
): Figure[] {
  const mine = rates(ours)
  return baselines.map(([{ name }, samples]) => ({
    what,
    against: { name, value: median(rates(samples)) },
    ...{ ours: median(mine), unit: 'req/s', ratio: ratio(mine, rates(samples)) },
    goal: goals[name] ?? null,
  }))
}

export const requests = {
  name: 'requests',
  summary: 'requests a second and processor time: 1 KiB responses, 64 and 256 kept TLS connections',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const missing = missingPrograms(['h2load'])
    if (missing !== null) {
      machine.note(missing)
      return []
    }
    const { many, single } = await machine.ours()
    const plain = await machine.plainProxy()
    const peers = present([await machine.nginx(), await machine.caddy(), await machine.nginxOverSsh()])
    const measured = (targets: readonly Target[], connections: number) =>
      inRounds(
        machine,
        targets,
        (target, round) =>
          h2load(machine, target, {
            ...{ path: '/bytes/1024', connections, streams: 1, http2: false },
            ...{ seconds: machine.options.seconds, round },
          }),
        true,
      )
    const of = await measured([many, single, plain, ...peers], 64)
    const ofMore = await measured([many, plain], 256)
    for (const target of [many, plain, ...peers]) machine.note(`${target.name} includes: ${target.includes}`)

    const baselines = [plain, ...peers].map((target) => [target, of(target)] as const)
    const goals = {
      [PLAIN]: least(0.95, 1.2),
      nginx: least(0.36, 0.48),
      'nginx + ssh -R': least(0.7, 0.9),
    }
    const share = (name: string, goal: Goal): Figure => {
      const [mine, theirs] = [cpu(of(many), name), cpu(of(plain), 'proxy')]
      return {
        ...{ what: `processor time of the ${name}`, unit: 'us/request', ours: median(mine), goal },
        against: { name: PLAIN, value: median(theirs) },
        ratio: ratio(mine, theirs),
      }
    }
    const alone = (what: string, ours: number, goal: Goal | null): Figure => ({
      ...{ what, ours, goal, unit: 'us/request', against: null, ratio: null },
    })
    return [
      share('hub', most(0.75, 0.6)),
      share('agent', most(0.3, 0.22)),
      ...('database' in many.processes
        ? [alone('processor time of PostgreSQL', median(cpu(of(many), 'database')), most(10, 5))]
        : []),
      ...peers.flatMap((peer) =>
        Object.keys(peer.processes).map((name) =>
          alone(`  ${peer.name}: ${name}`, median(cpu(of(peer), name)), null),
        ),
      ),
      ...compared('requests, 64 connections, 64 sessions', of(many), baselines, goals),
      ...compared('requests, 64 connections, one session', of(single), baselines, goals),
      ...compared('requests, 256 connections, 64 sessions', ofMore(many), [[plain, ofMore(plain)]], {
        [PLAIN]: least(1.2, 1.5),
      }),
    ]
  },
}
