// together: quick
/** Lists by pages. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { pageOf } from '../../core/api/paging.ts'

interface Row {
  readonly name: string
}
const order = { keyOf: ({ name }: Row) => name, textOf: ({ name }: Row) => `${name} in the list` }

/** The page, and the query of the next one. */
async function page(rows: readonly Row[], query: Record<string, unknown>, more: object = {}) {
  let link = ''
  const reply = {
    header(name: string, value: string) {
      if (name === 'link') link = value
    },
  } as unknown as FastifyReply
  const search = new URLSearchParams(query as Record<string, string>)
  const request = { url: `/v1/webapi/rows?${search}`, query } as unknown as FastifyRequest
  const found = await pageOf(request, reply, rows, { ...order, ...more })
  const names = found.map(({ name }) => name)
  const [, next] = /^<\/v1\/webapi\/rows\?(.*)>; rel="next"$/.exec(link) ?? []
  const parameters = next && Object.fromEntries(new URLSearchParams(next))
  return { names, next: parameters ? { ...parameters, limit: Number(parameters.limit) } : null }
}
const rows = ['d', 'b', 'a', 'ä&?', 'c', 'e'].map((name) => ({ name }))

t.test('pages follow each other in order, and the last one has no link to a next page', async (t) => {
  const first = await page(rows, { limit: 2 })
  t.strictSame(first.names, ['a', 'b'])
  const second = await page(rows, first.next!)
  t.strictSame(second.names, ['c', 'd'])
  const third = await page(rows, second.next!)
  t.strictSame(third, { names: ['e', 'ä&?'], next: null })
  t.strictSame((await page(rows, { limit: 2 }, { descending: true })).names, ['ä&?', 'e'])
})

t.test('M163 entries that are added or removed between two pages shift nothing', async (t) => {
  const { next } = await page(rows, { limit: 2 })
  const changed = [...rows.filter(({ name }) => name !== 'b'), { name: 'aa' }]
  t.strictSame((await page(changed, next!)).names, ['c', 'd'], 'none twice, and none left out')
})

t.test('a search is kept from page to page; without a limit, the list is complete', async (t) => {
  const many = Array.from({ length: 30 }, (_, number) => ({ name: `App-${number}` }))
  const { names, next } = await page(many, { limit: 5, q: 'aPP-1' })
  t.equal(names.length, 5)
  t.match(next, { q: 'aPP-1', after: new RegExp(`\\t${names.at(-1)}$`) })
  t.equal((await page(many, next!)).names.length, 5)
  t.strictSame((await page(many, { q: 'app-29' })).names, ['App-29'])
  t.strictSame((await page(many, { name: 'App-2' })).names, ['App-2'])
  t.equal((await page(many, {})).names.length, 30)
})
