// long
/** Nobody gains a right of administration by changes of people who lack it: 10,000 random changes at real hubs. */
import t, { type Test } from 'tap'
import { SearchCluster } from '../rights-search/cluster.ts'
import { type SearchCounts, searchEscalations } from '../rights-search/search.ts'

/** So often a search says how far it is: a file that writes nothing for minutes counts as one that hangs. */
const SAID_EVERY = 1_000

t.setTimeout(500_000)

/** A kind of change that the hub always refuses would prove nothing: so often each was made at least. */
function requireMade(
  t: Test,
  { made, probes, steps }: SearchCounts,
  least: Readonly<Record<string, number>>,
) {
  t.comment(`${steps} changes, ${probes} answers about rights, made: ${JSON.stringify([...made])}`)
  for (const [kind, number] of Object.entries(least))
    t.ok((made.get(kind) ?? 0) >= number, `${kind}: ${made.get(kind)} made`)
  t.ok(probes >= steps / 20, 'the hub tells people of their own rights what the documents say')
}

/** Lets a search go on until so many changes were tried. */
function upTo(t: Test, most: number): (counts: SearchCounts) => boolean {
  let said = 0
  return ({ steps }) => {
    if (steps >= said + SAID_EVERY) {
      said = steps
      t.comment(`${steps} of ${most} changes`)
    }
    return steps < most
  }
}

t.test('nobody gains a right by up to three changes of people who lack it: 7,000 changes', async (t) => {
  const cluster = await SearchCluster.start()
  t.teardown(() => cluster.stop())
  requireMade(t, await searchEscalations(cluster, 1, upTo(t, 7_000)), {
    ...{
      'user.roles': 20,
      'user.make': 10,
      'user.remove': 5,
      'user.relink': 5,
      'role.save': 20,
      'role.remove': 5,
    },
    ...{
      'app.save': 50,
      'app.make': 10,
      'app.remove': 20,
      'source.save': 20,
      'bot.save': 20,
      'bot.secret': 10,
    },
    ...{ 'token.make': 2, 'invitation.make': 10, 'lock.make': 20, 'lock.remove': 5, 'link.make': 10 },
    ...{ 'request.ask': 5, 'request.approve': 1 },
  })
  cluster.withoutGuard = true
  await t.rejects(
    searchEscalations(cluster, 1, upTo(t, 500)),
    { message: /^seed \d+: .+\n {2}\{\d+\} / },
    'without the guard, the search finds somebody and the shortest path',
  )
})

t.test(
  'nobody gains a right where a second person approves some of the changes: 3,000 changes',
  async (t) => {
    const cluster = await SearchCluster.start(SearchCluster.approvals)
    t.teardown(() => cluster.stop())
    requireMade(t, await searchEscalations(cluster, 100_001, upTo(t, 3_000)), {
      ...{ 'change.approve': 5, 'change.force': 1, 'user.make': 5, 'app.save': 20, 'invitation.make': 5 },
    })
  },
)
