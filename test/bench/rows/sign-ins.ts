import type { ChildProcess } from 'node:child_process'
import type { BenchMachine } from '../bench-machine.ts'
import { nextMessage } from '../children.ts'
import { type Figure, type Goal, least } from '../row.ts'
import { median } from '../statistics.ts'

/** What a hub of `programs/session-hub.ts` is to open, and for how long. */
export interface SessionOrder {
  readonly what: 'sign-ins' | 'visits'
  readonly seconds: number
}

const NAMES = { 'sign-ins': 'sign-ins a second', visits: 'first visits a second' } as const

export const signIns = {
  name: 'sign-ins',
  summary:
    'sign-ins and first visits a second that two hubs store together (without TLS, pages and identity provider), with PostgreSQL beside them and 1 ms further away',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const postgres = await machine.postgres()
    // A note says so: several hubs need one server.
    if (postgres === null) return []
    const beside = await postgres.createDatabase()
    const figures = await twoHubs(machine, 'PostgreSQL beside them', [beside, beside], least(3_000, 4_000))
    const far = await postgres.createDatabase()
    const ways = await Promise.all([delayed(machine, far), delayed(machine, far)])
    return [...figures, ...(await twoHubs(machine, '1 ms further', ways, least(1_000, 1_500)))]
  },
}

/** The URL of the database through a relay with a round trip of 1 ms. */
async function delayed(machine: BenchMachine, databaseUrl: string): Promise<string> {
  const way = new URL(databaseUrl)
  const { first } = await machine.children.program<{ port: number }>('far-relay', '0.5', way.port)
  way.port = String(first.port)
  return way.href
}

async function twoHubs(
  machine: BenchMachine,
  where: string,
  [one, other]: readonly string[],
  goal: Goal,
): Promise<Figure[]> {
  machine.options.progress(`  ${where}`)
  // The first one creates the tables and the people.
  const hubs: ChildProcess[] = []
  for (const [url, role] of [
    [one!, 'first'],
    [other!, 'second'],
  ] as const)
    hubs.push((await machine.children.program('session-hub', url, role)).child)
  const figures: Figure[] = []
  for (const what of ['sign-ins', 'visits'] as const) {
    const rates: number[] = []
    for (let round = 0; round <= machine.options.rounds; round++) {
      const reports = await Promise.all(
        hubs.map((hub) => {
          const report = nextMessage(hub) as Promise<{ perSecond: number }>
          hub.send({ what, seconds: machine.options.seconds } satisfies SessionOrder)
          return report
        }),
      )
      if (round > 0) rates.push(reports.reduce((sum, { perSecond }) => sum + perSecond, 0))
    }
    const name = `${NAMES[what]}, two hubs, ${where}`
    figures.push({
      ...{ what: name, ours: median(rates), unit: 'a second' },
      ...{ against: null, ratio: null, goal },
    })
  }
  for (const hub of hubs) await machine.children.end(hub)
  return figures
}
