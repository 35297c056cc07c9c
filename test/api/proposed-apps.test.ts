// together: quick
import t from 'tap'
import { collectProposals } from '../../agent/app-proposals.ts'
import type { AppSource } from '../../core/api/app-sources.ts'
import { MOST_PROPOSED, PROPOSALS_BYTES, readProposedApps } from '../../core/api/proposed-apps.ts'
import { systemClock } from '../../core/kernel/clock.ts'
import { memoryLog } from '../../core/testing/index.ts'
import { encodeLine } from '../../core/wire/line-reader.ts'

const uri = 'http://127.0.0.1:3000'

t.test('U231 a hub reads at most 100 proposals, and only valid ones', async (t) => {
  for (const wrong of [null, 7, 'apps', {}, { length: 3 }]) t.strictSame(readProposedApps(wrong), [])
  const labels = Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`l${at}`, 'x']))
  const invalid = [
    ...[null, 7, [], {}, { name: 'wiki' }, { name: 'Wiki', uri }, { name: 'x'.repeat(64), uri }],
    ...[
      { name: 'wiki', uri: `http://${'x'.repeat(512)}` },
      { name: 'wiki', uri: 'http://a b' },
    ],
    ...[
      { name: 'wiki', uri, protocol: 'HTTP' },
      { name: 'wiki', uri, labels: [] },
    ],
    ...[
      { name: 'wiki', uri, labels },
      { name: 'wiki', uri, labels: { 'a b': 'c' } },
    ],
    ...[
      { name: 'wiki', uri, labels: { a: 1 } },
      { name: 'wiki', uri, labels: { a: 'b\nc' } },
    ],
    ...[
      { name: 'wiki', uri, description: 'x'.repeat(257) },
      { name: 'wiki', uri, description: '\u202eevil' },
    ],
  ]
  t.strictSame(readProposedApps(invalid), [])
  const more = { name: 'wiki', uri, agents: ['other'], spec: { tls: { verify: false } }, __proto__: { x: 1 } }
  t.strictSame(readProposedApps([more, { name: 'wiki', uri: 'http://127.0.0.1:1' }]), [{ name: 'wiki', uri }])
  const many = Array.from({ length: 1_000 }, (_, at) => ({ name: `app-${at}`, uri }))
  t.equal(readProposedApps(many).length, MOST_PROPOSED)
})

t.test('an agent collects the proposals of its sources in one message that a hub can read', async (t) => {
  const sent: { apps: readonly object[] }[] = []
  const { log, lines } = memoryLog()
  const calls: Parameters<AppSource['watch']>[0][] = []
  const source = (name: string): AppSource => ({ name, watch: (propose) => void calls.push(propose) })
  const broken: AppSource = { name: 'broken', watch: () => Promise.reject(new Error('no folder')) }
  const sources = [source('first'), broken, source('second')]
  const changed = (message: object) => void sent.push(message as (typeof sent)[0])
  const proposals = collectProposals({ sources, changed, clock: systemClock, log })
  proposals.start()
  t.strictSame(proposals.messages(), [])
  const [first, second] = calls
  second!([
    { name: 'wiki', uri: 'http://127.0.0.1:2' },
    { name: 'only', uri },
    { name: 'Wrong', uri },
  ])
  first!([{ name: 'wiki', uri }])
  while (sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.strictSame(sent, [
    {
      type: 'apps',
      apps: [
        { name: 'wiki', uri },
        { name: 'only', uri },
      ],
    },
  ])
  t.match(lines.join(), /a proposed app is not valid.*Wrong|Wrong.*a proposed app is not valid/)
  t.match(lines.join(), /a source of apps has failed/)
  const long = Array.from({ length: 150 }, (_, at) => ({
    name: `app-${at}`,
    uri,
    description: 'd'.repeat(256),
    labels: { a: 'v'.repeat(256), b: 'v'.repeat(256) },
  }))
  first!(long)
  const { apps } = proposals.messages()[0] as { apps: readonly object[] }
  t.ok(apps.length > 50 && apps.length < MOST_PROPOSED, `${apps.length}`)
  t.ok(encodeLine(proposals.messages()[0]!).length <= PROPOSALS_BYTES)
  t.match(lines.join(), /too many apps to propose/)
  proposals.stop()
  first!([])
  t.equal(
    (proposals.messages()[0] as (typeof sent)[0]).apps.length,
    apps.length,
    'nothing counts after the stop',
  )
})
