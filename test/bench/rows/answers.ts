import { createTestHub, type TestHub } from '@mezite/core/testing'
import { type LargeSizes, largeData } from '../../large-data.ts'
import { large } from '../../large-rows.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds } from '../measure.ts'
import { alone, compared, type Figure, most } from '../row.ts'
import { quantile } from '../statistics.ts'

const ROWS = 10_000
const PEOPLE = 5_000
const APPS = 1_000

/** A question to the API, and the least number of rows of its answer. */
interface Question {
  readonly what: string
  readonly path: string
  readonly least: number
}

const WHO_AND_WHAT: readonly Question[] = [
  { what: 'who may open an app', path: `/access/who?app=${large.app(0)}`, least: 100 },
  { what: 'what a person may open', path: `/access/what?user=${large.person(7)}`, least: 10 },
]
/** Lists of the API: words that are in it, a word of `state:` or another filter, and an order. */
const LISTS: readonly (readonly [noun: string, path: string, queries: readonly string[]])[] = [
  ['applications', '/apps', ['q=berlin', 'q=state:no_agent', 'sort=-name']],
  ['people', '/users', ['q=anna', 'q=state:locked', 'sort=-last_login']],
  ['agents', '/agents', ['q=berlin', 'q=state:down', 'sort=-hostname']],
  ['roles', '/roles', ['q=data', 'sort=-name']],
  ['sessions', '/sessions', ['q=anna', 'sort=-created']],
  ['locks', '/locks', ['q=anna', 'sort=-created']],
  ['API tokens', '/api-tokens', ['q=berlin', 'sort=-used']],
  ['bots', '/bots', ['q=ci', 'sort=-name']],
  ['requests', '/access-requests', ['q=grafana', 'state=pending', 'sort=-created']],
  ['audit events', '/audit', ['type=app.request', `app=${large.app(0)}`]],
]
/** What an answer without a list takes: HTTP and JSON through the same socket. */
const SMALL = '/brand'
/** Questions of one round, of which the median and the p99 count. */
const OF_ROUND = 20
const PAGE = 100

/** Answers of the API of a hub in this process. */
export const answers = {
  name: 'answers',
  summary: `who may open what with ${PEOPLE} people and ${APPS} apps, and a page of lists of ${ROWS}`,
  compares:
    'lists with a small answer of the same hub; through the socket of the operator, with HTTP and JSON',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const figures = await ofHub({ people: PEOPLE, apps: APPS }, async (hub) => {
      const found: Figure[] = []
      for (const question of WHO_AND_WHAT)
        found.push(...(await machine.part(question.what, () => timeOf(machine, hub, question))))
      return found
    })
    const all = { people: ROWS, apps: ROWS, agents: ROWS, roles: ROWS, sessions: ROWS, locks: ROWS }
    const postgres = await machine.postgres()
    const events = postgres === null ? 0 : ROWS
    const config = postgres && { database: { driver: 'postgres', url: await postgres.createDatabase() } }
    const sizes = { ...all, tokens: ROWS, bots: ROWS, requests: ROWS, events }
    const lists = await ofHub(
      sizes,
      async (hub) => {
        const found: Figure[] = []
        for (const [noun, path, queries] of LISTS)
          if (noun !== 'audit events' || events > 0)
            found.push(...(await machine.part(noun, () => timesOf(machine, hub, { noun, path, queries }))))
        return found
      },
      config ?? {},
    )
    return [...figures, ...lists]
  },
}

async function ofHub(
  sizes: Partial<LargeSizes>,
  ask: (hub: TestHub) => Promise<Figure[]>,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Figure[]> {
  const data = largeData(sizes)
  const hub = await createTestHub({ plugins: [data.plugin], config })
  try {
    await data.filled
    return await ask(hub)
  } finally {
    await hub.stop()
  }
}

/** The first page of a list, without a question and with each of some. */
async function timesOf(
  machine: BenchMachine,
  { api }: TestHub,
  {
    noun,
    path,
    queries,
  }: { readonly noun: string; readonly path: string; readonly queries: readonly string[] },
): Promise<Figure[]> {
  const small = { name: 'a small answer', path: SMALL }
  const targets = ['', ...queries].map((query) => ({
    name: query === '' ? noun : `${noun}, ${query}`,
    path: `${path}?limit=${PAGE}${query && `&${query}`}`,
  }))
  const of = await inRounds(machine, [small, ...targets], async (target) => {
    const times: number[] = []
    for (let count = 0; count < OF_ROUND; count++) {
      const begun = performance.now()
      const rows = await api<unknown>('GET', target.path)
      times.push(performance.now() - begun)
      if (target.name === noun && (rows as readonly unknown[]).length < PAGE)
        throw new Error(`${path} is short`)
    }
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
  })
  const base = { name: small.name, values: of(small).map(({ p50 }) => p50) }
  return targets.flatMap((target) => [
    compared(
      target.name,
      'ms',
      of(target).map(({ p50 }) => p50),
      base,
    ),
    alone(
      `${target.name}, p99`,
      'ms',
      of(target).map(({ p99 }) => p99),
      most(200, 100),
    ),
  ])
}

async function timeOf(
  machine: BenchMachine,
  { api }: TestHub,
  { what, path, least }: Question,
): Promise<Figure[]> {
  const target = { name: what }
  const of = await inRounds(machine, [target], async () => {
    const begun = performance.now()
    const rows = await api<readonly unknown[]>('GET', path)
    const ms = performance.now() - begun
    if (rows.length < least) throw new Error(`${path} has ${rows.length} rows`)
    return { ms }
  })
  const times = of(target).map(({ ms }) => ms)
  return [alone(what, 'ms', times, most(200, 100))]
}
