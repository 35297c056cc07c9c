// long
/** Which hubs an agent keeps links to. */
import t from 'tap'
import { chooseHubs } from '../../../core/state/hubs/hub-registry.ts'

const hubs = (count: number): ReadonlyMap<string, string> =>
  new Map(Array.from({ length: count }, (_, at) => [`hub-${at}`, `10.0.0.${at}:443`]))
const agents = Array.from({ length: 5_000 }, (_, at) => `node-${at}`)
const chosen = (hostname: string, reachable: ReadonlyMap<string, string>) =>
  [...chooseHubs(hostname, reachable).keys()].sort()

t.test('an agent keeps links to each of up to four hubs, and to three of more', (t) => {
  for (const count of [0, 1, 4]) {
    const all = hubs(count)
    t.equal(chooseHubs('node-1', all), all)
  }
  for (const count of [5, 16, 64]) {
    const all = hubs(count)
    const found = chooseHubs('node-1', all)
    t.equal(found.size, 3)
    for (const [id, address] of found) t.equal(address, all.get(id))
  }
  t.end()
})

t.test('every hub chooses alike, in whatever order it knows the hubs', (t) => {
  const turned = new Map([...hubs(16)].reverse())
  for (const hostname of agents.slice(0, 200))
    t.strictSame(chosen(hostname, turned), chosen(hostname, hubs(16)))
  t.end()
})

t.test('a hub that stops or starts changes only its own share', (t) => {
  const all = hubs(16)
  const left = new Map([...all].filter(([id]) => id !== 'hub-7'))
  let share = 0
  for (const hostname of agents) {
    const before = chosen(hostname, all)
    const after = chosen(hostname, left)
    const kept = before.filter((id) => id !== 'hub-7')
    if (kept.length < before.length) share += 1
    if (!kept.every((id) => after.includes(id))) t.fail(`${hostname} has moved without need`)
    if (kept.length === 3 && `${after}` !== `${before}`) t.fail(`${hostname} has changed without need`)
  }
  t.ok(share > 0)
  t.end()
})

t.test('the agents are spread evenly over the hubs', (t) => {
  const counts = new Map<string, number>()
  for (const hostname of agents)
    for (const id of chosen(hostname, hubs(16))) counts.set(id, (counts.get(id) ?? 0) + 1)
  const even = (agents.length * 3) / 16
  for (const [id, count] of counts)
    t.ok(count > even * 0.85 && count < even * 1.15, `${id} has ${count} of about ${even}`)
  t.equal(counts.size, 16)
  t.end()
})
