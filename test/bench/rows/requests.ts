import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, present, type Sample } from '../measure.ts'
import { alone, compared, type Figure, type Goal, least, most } from '../row.ts'
import type { Target } from '../target.ts'
import { PLAIN } from '../targets/plain-proxy.ts'

const rates = (samples: readonly Sample[]) => samples.map((each) => each.exchanges / each.seconds)
const cpu = (samples: readonly Sample[], name: string) =>
  samples.map((each) => each.cpuUs[name] ?? Number.NaN)

/** What a request looks like. */
export interface Shape {
  readonly path: string
  readonly fields: readonly string[]
}

/** The samples of each target: so many kept connections that ask over and over over HTTP/1.1. */
export const askedBy = (
  machine: BenchMachine,
  targets: readonly Target[],
  connections: number,
  { path, fields }: Shape,
): Promise<(target: Target) => Sample[]> =>
  inRounds(
    machine,
    targets,
    (target, round) =>
      h2load(machine, target, {
        path,
        fields,
        connections,
        streams: 1,
        http2: false,
        seconds: machine.options.seconds,
        round,
      }),
    { saturated: true },
  )

/** Requests a second of `ours` against those of each baseline. */
export const ratesAgainst = (
  what: string,
  ours: readonly Sample[],
  baselines: readonly (readonly [Target, readonly Sample[]])[],
  goals: Readonly<Record<string, Goal>>,
): Figure[] =>
  baselines.map(([{ name }, samples]) =>
    compared(what, 'req/s', rates(ours), { name, values: rates(samples) }, goals[name] ?? null),
  )

const PARTS = [
  ['hub', 'hub'],
  ['agent', 'agent'],
  ['database', 'PostgreSQL'],
] as const

/** Processor time of hub, agent and database for each request against that of the plain proxy. */
export const costsAgainst = (
  ending: string,
  [ours, mine]: readonly [Target, readonly Sample[]],
  [plain, theirs]: readonly [Target, readonly Sample[]],
  goals: Readonly<Partial<Record<'hub' | 'agent' | 'database', Goal>>>,
): Figure[] =>
  PARTS.filter(([part]) => part in ours.processes).map(([part, name]) =>
    compared(
      `processor time of ${name === 'PostgreSQL' ? name : `the ${name}`}${ending}`,
      'us/request',
      cpu(mine, part),
      { name: plain.name, values: cpu(theirs, 'proxy') },
      goals[part] ?? null,
    ),
  )

/** Ours against the hub and agent of an older commit in the same rounds; nothing without one. */
export function againstOlder(
  ending: string,
  mine: readonly Sample[],
  older: readonly [Target, readonly Sample[]] | null,
): Figure[] {
  if (older === null) return []
  const [{ name }, theirs] = older
  return [
    compared(`requests${ending}`, 'req/s', rates(mine), { name, values: rates(theirs) }),
    ...(['hub', 'agent', 'database'] as const)
      .filter((part) => part in older[0].processes)
      .map((part) =>
        compared(
          `processor time: ${part}${ending}`,
          'us/request',
          cpu(mine, part),
          { name, values: cpu(theirs, part) },
          part === 'hub' ? most(0.95, 0.85) : null,
        ),
      ),
  ]
}

const SMALL: Shape = { path: '/bytes/1024', fields: [] }

export const requests = {
  name: 'requests',
  summary: 'requests a second and processor time: 1 KiB responses, 64 and 256 kept TLS connections',
  compares:
    'equal: TLS, small request and response heads, connections, load generators. Not equal: see what each includes',
  async run(machine: BenchMachine): Promise<Figure[]> {
    if (machine.lacks(['h2load'])) return []
    const { many, single } = await machine.ours()
    const older = (await machine.older())?.many ?? null
    const plain = await machine.plainProxy()
    const peers = present([await machine.nginx(), await machine.caddy(), await machine.nginxOverSsh()])
    const of = await askedBy(machine, present([many, single, plain, older, ...peers]), 64, SMALL)
    const ofMore = await askedBy(machine, present([many, plain, older]), 256, SMALL)
    for (const target of present([many, plain, older, ...peers]))
      machine.note(`${target.name} includes: ${target.includes}`)

    const baselines = [plain, ...peers].map((target) => [target, of(target)] as const)
    const goals = {
      [PLAIN]: least(1, 1.15),
      nginx: least(0.36, 0.48),
      'nginx + ssh -R': least(0.7, 0.9),
    }
    return [
      ...costsAgainst('', [many, of(many)], [plain, of(plain)], {
        hub: most(0.8, 0.72),
        agent: most(0.25, 0.18),
        database: most(0.12, 0.07),
      }),
      ...peers.flatMap((peer) =>
        Object.keys(peer.processes).map((name) =>
          alone(`  ${peer.name}: ${name}`, 'us/request', cpu(of(peer), name)),
        ),
      ),
      ...ratesAgainst('requests, 64 connections, 64 sessions', of(many), baselines, goals),
      ...ratesAgainst('requests, 64 connections, one session', of(single), baselines, goals),
      ...costsAgainst(', 256 connections', [many, ofMore(many)], [plain, ofMore(plain)], {
        hub: most(0.68, 0.62),
      }),
      ...ratesAgainst('requests, 256 connections, 64 sessions', ofMore(many), [[plain, ofMore(plain)]], {
        [PLAIN]: least(1.05, 1.25),
      }),
      ...againstOlder(', 64 connections', of(many), older && [older, of(older)]),
      ...againstOlder(', 256 connections', ofMore(many), older && [older, ofMore(older)]),
    ]
  },
}
