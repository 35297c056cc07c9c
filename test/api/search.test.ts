// together: quick
/** What a search of a list matches, and how well. */
import t from 'tap'
import { searchFor } from '../../core/api/search.ts'

const app = [
  'Grafana Berlin',
  'grafana-berlin',
  'http://10.0.0.3:3000',
  'team=data',
  'agent:berlin-3',
  'state:ready',
]
const finds = (q: string, texts = app) => searchFor(q).rank(texts) > 0
const nearly = (q: string, texts = app) => searchFor(q).rank(texts, 'near') > 0

t.test('words match in any order, in any case and without accents, and all of them must', async (t) => {
  for (const q of [
    'grafana berlin',
    'BERLIN graf',
    '  berlin  ',
    '',
    'data grafana',
    '"grafana berlin"',
    '10.0.0.3',
  ])
    t.ok(finds(q), q)
  for (const q of ['grafana oslo', '"berlin grafana"', 'grafanaberlin']) t.notOk(finds(q), q)
  t.ok(finds('zurich', ['Zürich']))
  t.ok(finds('zürich', ['ZURICH']))
  t.ok(finds('(a+)+$ [', ['a (a+)+$ [b']), 'nothing is an expression')
  t.ok(finds('un"closed', ['unclosed']))
})

t.test('a label, an agent or a state matches as a whole', async (t) => {
  for (const q of ['team=data', 'agent:berlin-3', 'Team=Data', 'team=data berlin']) t.ok(finds(q), q)
  for (const q of ['team=dat', 'agent:berlin', 'team=data-2']) t.notOk(finds(q), q)
  t.ok(finds('http://10.0', app), 'an address is none')
  t.ok(finds('0.3:3000', app))
  const inStates = (q: string) => searchFor(q).inStates(app)
  t.ok(inStates('state:ready grafana'))
  t.notOk(inStates('state:read'))
  t.notOk(inStates('state:ready state:locked'))
  t.ok(inStates('grafana'))
})

t.test('one letter of one word may be more, less, wrong or swapped', async (t) => {
  for (const q of ['grafna', 'grafanna', 'grafama', 'grafaan', 'rgafana', 'grafna berlin', 'berlni grafana'])
    t.ok(nearly(q) && !finds(q), q)
  for (const q of ['grfna', 'grafna berln', 'oslo', 'tea', 'xeam=data', 'gra']) {
    if (!finds(q)) t.notOk(nearly(q), q)
  }
  t.ok(nearly('grafana'), 'what matches exactly does so here too')
})

t.test('a name beats a word of it, that the middle of one, and these another text', async (t) => {
  const of = (...texts: string[]) => searchFor('berlin').rank(texts)
  const ranks = [
    of('berlin', 'x'),
    of('berlin-2'),
    of('berlin-22-long'),
    of('agent berlin'),
    of('x', 'at berlin'),
    of('eastberlin'),
    of('x', 'eastberlin'),
  ]
  t.strictSame(
    ranks,
    ranks.toSorted((one, other) => other - one),
  )
  t.equal(new Set(ranks).size, ranks.length)
  t.ok(ranks.every((rank) => rank > 0 && rank < 100))
})

t.test('a long text does not make a search slow', async (t) => {
  const texts = [`${'ab'.repeat(50_000)}`, 'x'.repeat(50_000)]
  const started = process.cpuUsage()
  searchFor('abababac ba"').rank(texts, 'near')
  const { user } = process.cpuUsage(started)
  t.ok(user < 500_000, `${user / 1_000} ms`)
})
