// together: quick
import t from 'tap'
import { type Figure, least, most, verdict } from './row.ts'
import { showNumber, table } from './table.ts'

const figure: Figure = {
  what: 'requests',
  against: { name: 'plain Node proxy', value: 5000 },
  ours: 9000,
  unit: 'req/s',
  ratio: 1.8,
  range: [1.75, 1.9],
  goal: least(1.7, 2.2),
}

t.test('a figure with a baseline is judged by its ratio', async (t) => {
  t.equal(verdict(figure), 'reach')
  t.equal(verdict({ ...figure, ratio: 2.2 }), 'aim')
  t.equal(verdict({ ...figure, ratio: 1.69 }), 'MISSED')
  t.equal(verdict({ ...figure, ratio: Number.NaN }), 'MISSED', 'what could not be measured is not met')
})

t.test('a figure without a baseline is judged by its value', async (t) => {
  const alone = { ...figure, against: null, ratio: null, range: null, goal: most(60, 40) }
  t.equal(verdict({ ...alone, ours: 40 }), 'aim')
  t.equal(verdict({ ...alone, ours: 60 }), 'reach')
  t.equal(verdict({ ...alone, ours: 61 }), 'MISSED')
  t.equal(verdict({ ...alone, goal: null }), '')
})

t.test('the table shows value, baseline, ratio, goals and verdict', async (t) => {
  const [head = '', line = ''] = table([figure]).split('\n')
  t.match(head, /ours +against +theirs +ratio +range +reach +aim/)
  t.match(
    line,
    /^requests +9000 req\/s +plain Node proxy +5000 req\/s +1\.8 +1\.75 - 1\.9 +>= 1\.7 +>= 2\.2 +reach$/,
  )
})

t.test('numbers have three significant digits', async (t) => {
  t.equal(showNumber(12345.6), '12346')
  t.equal(showNumber(123.4), '123')
  t.equal(showNumber(0.98765), '0.988')
  t.equal(showNumber(Number.NaN), '-')
})
