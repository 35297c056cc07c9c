import type { BenchMachine } from '../bench-machine.ts'
import { h2load } from '../h2load.ts'
import { inRounds, present, type Sample } from '../measure.ts'
import { alone, compared, type Figure, least } from '../row.ts'

const rates = (samples: readonly Sample[]) => samples.map((each) => each.exchanges / each.seconds)

/** Beside `requests`, whose peers sign nobody in. */
export const peers = {
  name: 'peers',
  summary:
    'requests a second against a peer with equal duties: Apache with mod_auth_openidc in front of ssh -R',
  compares:
    'equal: TLS, sign-in by OpenID Connect, session cookie, identity fields, record of each request, tunnel, load generators. Not equal: with a signed identity, Apache signs each request by RSA, while the hub signs by ECDSA once for 30 s; without one, the application must trust headers. Apache writes records to a file without chain or fsync, decides by `valid-user` alone, and its tunnel is one SSH connection',
  async run(machine: BenchMachine): Promise<Figure[]> {
    if (machine.lacks(['h2load'])) return []
    const apaches = present([await machine.apacheOverSsh(true), await machine.apacheOverSsh(false)])
    if (apaches.length === 0) return []
    const { many } = await machine.ours()
    const targets = apaches.map(({ target }) => target)
    const of = await inRounds(
      machine,
      [many, ...targets],
      (each, round) =>
        h2load(machine, each, {
          path: '/bytes/1024',
          connections: 64,
          streams: 1,
          http2: false,
          seconds: machine.options.seconds,
          round,
        }),
      { saturated: true },
    )
    for (const each of [many, ...targets]) machine.note(`${each.name} includes: ${each.includes}`)
    return targets.flatMap((target) => [
      compared(
        'requests, 64 connections, 64 sessions',
        'req/s',
        rates(of(many)),
        { name: target.name, values: rates(of(target)) },
        least(1, 1.3),
      ),
      ...Object.keys(target.processes).map((name) =>
        alone(
          `  ${target.name}: ${name}`,
          'us/request',
          of(target).map((each) => each.cpuUs[name] ?? Number.NaN),
        ),
      ),
    ])
  },
}
