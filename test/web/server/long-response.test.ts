// together: hubs
/** Long lists are written in turns of the event loop, as the same JSON. */
import Fastify from 'fastify'
import t from 'tap'
import { writeInTurns } from '../../../core/web/server/long-response.ts'

const entries = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ name: `é-${at}`, at, none: undefined, of: [at, null] }))

t.test('a long list is the JSON that a short one is, wherever it is in the response', async (t) => {
  const app = Fastify()
  writeInTurns(app)
  let shown: unknown
  app.get('/', async () => shown)
  t.teardown(() => app.close())
  const read = async (payload: unknown) => {
    shown = payload
    const response = await app.inject('/')
    t.equal(response.headers['content-type'], 'application/json; charset=utf-8')
    t.equal(Number(response.headers['content-length']), response.rawPayload.length)
    return response.payload
  }
  const all = [
    entries(3),
    entries(5_000),
    { rows: entries(500), absent: undefined, call: () => 1, at: new Date(0), 'a "key"': 1, list: [] },
    {
      groups: [
        { users: entries(200), gains: [] },
        { users: [], gains: entries(101) },
      ],
      count: 2,
    },
    [undefined, ...entries(200), () => 1],
  ]
  for (const payload of all) t.equal(await read(payload), JSON.stringify(payload))
})

t.test('others get turns while a long list is written', async (t) => {
  const app = Fastify()
  writeInTurns(app)
  app.get('/', async () => entries(50_000))
  t.teardown(() => app.close())
  await app.ready()
  let turns = 0
  const ticking = setInterval(() => {
    turns += 1
  }, 1)
  await app.inject('/')
  clearInterval(ticking)
  t.ok(turns >= 5, `${turns} turns`)
})
