// together: quick
/** The page with all requests: what was granted, until when, and who still waits. */
import t from 'tap'
import { dashboardPartsOf } from '../../../plugins/access-requests/dashboard-parts.ts'
import { type AccessRequest, shownRequest } from '../../../plugins/access-requests/request.ts'

const HOUR = 3_600_000
const NOW = 1_800_000_000_000

const request = (id: string, more: Partial<AccessRequest>): AccessRequest => ({
  id,
  user_name: `${id}@example.com`,
  user_key: id,
  holder: null,
  role: 'oncall',
  via: 'dev',
  app: 'b2a1',
  app_name: 'orders-db',
  reason: 'TICKET-7',
  duration: 2 * HOUR,
  approvals: 1,
  break_glass: false,
  path: null,
  created: NOW - HOUR,
  expires: NOW + HOUR,
  stored: 'pending',
  closed: null,
  grant_id: null,
  until: null,
  used: null,
  language: 'en',
  asked_by: null,
  reviews: [],
  ...more,
})
const review = {
  request: 'less',
  reviewer: 'lead',
  reviewer_name: 'lead@example.com',
  approves: true,
  reason: null,
  time: NOW - HOUR / 2,
  confirmed: null,
}
const less = request('less', { stored: 'approved', until: NOW + HOUR / 2 + 3, reviews: [review] })
const all = [
  request('new', { created: NOW - 60_000 }),
  less,
  request('role', { stored: 'approved', app: null, app_name: null, until: NOW + HOUR }),
  request('old', {}),
]

t.test(
  'the page shows waiting requests first, and the granted time rather than the requested one',
  async (t) => {
    const [page] = dashboardPartsOf({
      store: { list: async () => all },
      review: async () => ({ since: 0, rows: (async function* () {})() }),
      clock: { now: () => NOW },
    })
    if (page?.kind !== 'page') throw new Error('no page')
    const [table] = await page.content({} as never)
    if (table?.kind !== 'table') throw new Error('no table')
    const cells = table.rows.map((row) =>
      row.map((cell) => {
        const { text, word } = (cell ?? {}) as { text?: string; word?: string }
        return text ?? word ?? cell
      }),
    )
    t.strictSame(
      cells.map(([state, person, target, lasts, until]) => [state, person, target, lasts, until]),
      [
        ['pending', 'old@example.com', 'orders-db', '2h', null],
        ['pending', 'new@example.com', 'orders-db', '2h', null],
        ['approved', 'less@example.com', 'orders-db', '1h (asked for 2h)', { time: NOW + HOUR / 2 + 3 }],
        ['approved', 'role@example.com', 'the role oncall', '2h', { time: NOW + HOUR }],
      ],
    )
    t.match(shownRequest(less, NOW), { duration_ms: 2 * HOUR, granted_ms: HOUR })
    t.match(shownRequest(all[0]!, NOW), { granted_ms: null })
  },
)
