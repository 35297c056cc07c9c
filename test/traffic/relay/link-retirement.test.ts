/** Links that an agent no longer needs at this hub. */
import { mock } from 'node:test'
import t from 'tap'
import { retireNeedlessLinks } from '../../../core/traffic/relay/link-retirement.ts'
import type { LiveLink } from '../../../core/traffic/tunnel/link.ts'

t.test('J270 a link goes once each of the chosen hubs has reported one for a while, and not before', (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const world = { now: 0, chosen: ['hub-2', 'hub-3', 'hub-4'], relays: true, reported: new Set<string>() }
  const retired: string[] = []
  let hubsChanged = () => {}
  const link = {
    hostname: 'node-1',
    usable: true,
    retire(reason: string) {
      link.usable = false
      retired.push(reason)
    },
  }
  const stop = retireNeedlessLinks({
    links: { list: () => [link as unknown as LiveLink] },
    registry: {
      hubsOf: () => new Map(world.chosen.map((id) => [id, ''])),
      get relays() {
        return world.relays
      },
      onChanged(listener) {
        hubsChanged = listener
      },
    },
    instanceId: 'hub-1',
    has: (hub, hostname) => hostname === 'node-1' && world.reported.has(hub),
    clock: { now: () => world.now, monotonic: () => world.now },
  })
  t.teardown(stop)
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 1_000) {
      world.now += 1_000
      mock.timers.tick(1_000)
    }
  }
  pass(60_000)
  t.same(retired, [], 'no other hub has a link')
  for (const hub of ['hub-2', 'hub-3']) world.reported.add(hub)
  pass(60_000)
  t.same(retired, [], 'one of them has none yet')
  world.chosen = ['hub-1', 'hub-2', 'hub-3']
  hubsChanged()
  pass(60_000)
  t.same(retired, [], 'this hub is one of them')
  world.chosen = ['hub-2', 'hub-3', 'hub-4']
  hubsChanged()
  world.reported.add('hub-4')
  world.relays = false
  pass(60_000)
  t.same(retired, [], 'there are few hubs')
  world.relays = true
  pass(8_000)
  t.same(retired, [], 'it may yet change again')
  pass(6_000)
  t.same(retired, ['relayed'])
  t.end()
})
