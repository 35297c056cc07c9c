import { createTestHub, type TestHub } from '@mezite/core/testing'
import { type LargeSizes, largeData } from '../../large-data.ts'
import { large } from '../../large-rows.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { inRounds } from '../measure.ts'
import { alone, type Figure, most } from '../row.ts'

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
const LISTS: readonly Question[] = [
  { what: 'a page of people', path: '/users?limit=100', least: 100 },
  { what: 'people found by name', path: '/users?limit=100&q=anna', least: 100 },
  { what: 'people sorted by sign-in', path: '/users?limit=100&sort=-last_login', least: 100 },
  { what: 'a page of sessions', path: '/sessions?limit=100', least: 100 },
]

/** Answers of the API of a hub in this process, on the embedded database. */
export const answers = {
  name: 'answers',
  summary: `who may open what with ${PEOPLE} people and ${APPS} apps, and a page of a list of ${ROWS}`,
  compares: 'equal: nothing is compared; through the socket of the operator, with HTTP and JSON',
  async run(machine: BenchMachine): Promise<Figure[]> {
    return [
      ...(await ofHub(machine, WHO_AND_WHAT, { people: PEOPLE, apps: APPS })),
      ...(await ofHub(machine, LISTS, { people: ROWS, sessions: ROWS })),
    ]
  },
}

async function ofHub(
  machine: BenchMachine,
  questions: readonly Question[],
  sizes: Partial<LargeSizes>,
): Promise<Figure[]> {
  const data = largeData(sizes)
  const hub = await createTestHub({ plugins: [data.plugin] })
  try {
    await data.filled
    const figures: Figure[] = []
    for (const question of questions)
      figures.push(...(await machine.part(question.what, () => timeOf(machine, hub, question))))
    return figures
  } finally {
    await hub.stop()
  }
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
