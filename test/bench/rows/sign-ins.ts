import type { ChildProcess } from 'node:child_process'
import type { BenchMachine } from '../bench-machine.ts'
import { nextMessage } from '../children.ts'
import { inRounds } from '../measure.ts'
import { alone, type Figure, type Goal, least } from '../row.ts'

/** What a hub of `programs/session-hub.ts` is to open, and for how long. */
export interface SessionOrder {
  readonly what: 'sign-ins' | 'visits'
  readonly seconds: number
}

/** What the hub tells when it has carried an order out, or could not. */
export type SessionReport = { readonly perSecond: number } | { readonly failed: string }

const NAMES = { 'sign-ins': 'sign-ins a second', visits: 'first visits a second' } as const

export const signIns = {
  name: 'sign-ins',
  summary:
    'sign-ins and first visits a second that two hubs store together (without TLS, pages and identity provider), with PostgreSQL beside them and 1 ms further away',
  compares: 'equal: nothing is compared; sessions alone, without TLS, pages and provider',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const postgres = await machine.postgres()
    // A note says so: several hubs need one server.
    if (postgres === null) return []
    const beside = await postgres.createDatabase()
    const figures = await twoHubs(machine, 'PostgreSQL beside them', beside, least(3_000, 4_000))
    const far = await delayed(machine, await postgres.createDatabase())
    return far === null
      ? figures
      : [...figures, ...(await twoHubs(machine, '1 ms further', far, least(1_000, 1_500)))]
  },
}

/** The URL of the database behind a path with a round trip of 1 ms; null, with a note, where there can be none. */
async function delayed(machine: BenchMachine, databaseUrl: string): Promise<string | null> {
  const address = await machine.path({ roundTripMs: 1, loss: 0 })
  if (address === null) return null
  const way = new URL(databaseUrl)
  // The server trusts 127.0.0.1 alone.
  const { first } = await machine.children.program<{ port: number }>('relay', way.port)
  way.hostname = address
  way.port = String(first.port)
  return way.href
}

const twoHubs = (machine: BenchMachine, where: string, url: string, goal: Goal): Promise<Figure[]> =>
  machine.part(where, async () => {
    // The first one creates the tables and the people.
    const hubs: ChildProcess[] = []
    try {
      for (const role of ['first', 'second'])
        hubs.push((await machine.children.program('session-hub', url, role)).child)
      return await openSessions(machine, hubs, where, goal)
    } finally {
      for (const hub of hubs) await machine.children.end(hub)
    }
  })

async function openSessions(
  machine: BenchMachine,
  hubs: readonly ChildProcess[],
  where: string,
  goal: Goal,
): Promise<Figure[]> {
  const kinds = (['sign-ins', 'visits'] as const).map((name) => ({ name }))
  const of = await inRounds(machine, kinds, async ({ name }) => {
    const reports = await Promise.all(
      hubs.map((hub) => {
        const report = nextMessage(hub) as Promise<SessionReport>
        hub.send({ what: name, seconds: machine.options.seconds } satisfies SessionOrder)
        return report
      }),
    )
    const rates = reports.map((report) => {
      if ('failed' in report) throw new Error(report.failed)
      return report.perSecond
    })
    return { rate: rates.reduce((sum, rate) => sum + rate, 0) }
  })
  return kinds.map((kind) =>
    alone(
      `${NAMES[kind.name]}, two hubs, ${where}`,
      'a second',
      of(kind).map(({ rate }) => rate),
      goal,
    ),
  )
}
