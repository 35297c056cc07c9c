import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, type Sample } from '../measure.ts'
import { missingPrograms } from '../programs-needed.ts'
import { type Figure, least } from '../row.ts'
import { median, ratio } from '../statistics.ts'

const rates = (samples: readonly Sample[]) => samples.map((each) => each.exchanges / each.seconds)

/** Beside `requests`, whose peers sign nobody in. */
export const peers = {
  name: 'peers',
  summary:
    'requests a second against a peer with equal duties: Apache with mod_auth_openidc in front of ssh -R',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const missing = missingPrograms(['h2load'])
    if (missing !== null) {
      machine.note(missing)
      return []
    }
    const apache = await machine.apacheOverSsh()
    if (apache === null) return []
    const { many } = await machine.ours()
    const { target } = apache
    const of = await inRounds(
      machine,
      [many, target],
      (each, round) =>
        h2load(machine, each, {
          ...{ path: '/bytes/1024', connections: 64, streams: 1, http2: false },
          ...{ seconds: machine.options.seconds, round },
        }),
      true,
    )
    for (const each of [many, target]) machine.note(`${each.name} includes: ${each.includes}`)
    const [mine, theirs] = [rates(of(many)), rates(of(target))]
    return [
      {
        ...{ what: 'requests, 64 connections, 64 sessions', unit: 'req/s', goal: least(1.2, 2) },
        ...{ ours: median(mine), ratio: ratio(mine, theirs) },
        against: { name: target.name, value: median(theirs) },
      },
      ...Object.keys(target.processes).map((name) => ({
        ...{ what: `  ${target.name}: ${name}`, unit: 'us/request', goal: null, against: null, ratio: null },
        ours: median(of(target).map((each) => each.cpuUs[name] ?? Number.NaN)),
      })),
    ]
  },
}
