// together: quick
/** Which link serves an agent, which are cut, and what an agent may make the hub do. */
import { mock } from 'node:test'
import t from 'tap'
import { problemFor } from '../../../core/api/reasons.ts'
import { memoryLog } from '../../../core/testing/index.ts'
import type { LiveLink } from '../../../core/traffic/tunnel/link.ts'
import { createLinkRegistry } from '../../../core/traffic/tunnel/link-registry.ts'
import { partly } from '../../hub/partly.ts'

const NOW = 1_000_000
const hook = (run: (event: object) => void) => Object.assign(run, { empty: false, pure: false })

/** The links of a hub without anything around it. */
function start() {
  const agent = { serial: 'b', previousSerial: null as string | null }
  const world = {
    now: NOW,
    agent: agent as typeof agent | undefined,
    locked: false,
    trusted: true,
    reachable: new Map([['hub-1', '']]),
    apply: (_touched: Map<string, Set<string>> | null) => {},
    hubsChanged() {},
    /** What renewing and confirming come to. */
    answer: async (): Promise<unknown> => ({ certificate: 'new' }),
  }
  const happened: string[] = []
  const rooms = partly({
    enrolment: {
      renew: (_name, serial) => {
        happened.push(`renew ${serial}`)
        return world.answer() as never
      },
      confirm: (_name, serial) => {
        happened.push(`confirm ${serial}`)
        return world.answer() as never
      },
    },
    authorities: { bundle: () => ['ca'], trusts: () => world.trusted },
    revisions: {
      onApplied(listener) {
        world.apply = listener as never
      },
    },
    registry: {
      get reachable() {
        return world.reachable
      },
      hubsOf: () => world.reachable,
      onChanged(listener) {
        world.hubsChanged = listener
      },
    },
    kernel: {
      calls: {
        tunnel: {
          changed: hook((event) => void happened.push(`changed ${JSON.stringify(event)}`)) as never,
          proposed: hook((event) => void happened.push(`proposed ${JSON.stringify(event)}`)) as never,
        },
      },
    },
    audit: { record: ({ type, reason }) => void happened.push(`audit ${type} ${reason ?? ''}`.trim()) },
    locks: { isAgentLocked: () => world.locked },
    sessions: { live: { cutAgent: (_name, reason) => happened.push(`lost ${reason}`) } },
    clock: { now: () => world.now, monotonic: () => world.now },
    log: memoryLog().log,
  })
  const agents = {
    get: () => world.agent as never,
    refusalOf: (_name: string, serial: string) =>
      !world.agent
        ? 'agent_unknown'
        : [world.agent.serial, world.agent.previousSerial].includes(serial)
          ? null
          : 'certificate_superseded',
  } as const
  const rotation: Parameters<typeof createLinkRegistry>[2] = {
    announce: ({ certificate }) => void happened.push(`tell ${certificate.serial}`),
    receive(_link, { type }) {
      if (type === 'odd') throw new Error('not understood')
    },
  }
  const links = createLinkRegistry(rooms, agents, rotation, () => false)
  /** One that has been greeted, and has not said hello. */
  function greeted(serial = 'b', via: string | null = null) {
    const made = {
      hostname: 'node-1',
      certificate: { hostname: 'node-1', serial, notAfter: NOW + 1_000, authority: 'key-1' },
      via,
      transport: 'http2',
      clientIp: '192.0.2.1',
      moving: false,
      retired: false,
      sent: [] as { type: string; code?: string }[],
      ended: null as string | null,
      send: (message: { type: string }) => void made.sent.push(message),
      retire(reason: string) {
        made.retired = true
        happened.push(`${serial} retired ${reason}`)
      },
      destroy(reason: string) {
        made.ended = reason
      },
    }
    const live = made as typeof made & LiveLink
    links.all.add(live)
    return live
  }
  /** One that has said hello. */
  function link(serial?: string, via?: string | null) {
    const live = greeted(serial, via)
    links.up(live)
    return live
  }
  const count = (what: string) => happened.filter((each) => each.startsWith(what)).length
  return { world, links, greeted, link, happened, count }
}
const touched = (kind: string) => new Map([[kind, new Set(['x'])]])
/** Lets what was begun come to its end. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

const refusals: Readonly<Record<string, (world: ReturnType<typeof start>['world']) => void>> = {
  certificate_expired: (world) => {
    world.now += 1_000
  },
  agent_locked: (world) => {
    world.locked = true
  },
  certificate_authority_retired: (world) => {
    world.trusted = false
  },
  agent_unknown: (world) => {
    world.agent = undefined
  },
  certificate_superseded: (world) => {
    world.agent!.serial = 'c'
  },
}

t.test('J130 a locked or removed agent gets no link, and loses the one that it has', (t) => {
  for (const [reason, happens] of Object.entries(refusals)) {
    const hub = start()
    const link = hub.link()
    t.equal(hub.links.get('node-1'), link)
    happens(hub.world)
    hub.world.apply(touched('lock'))
    t.equal(link.ended, reason, reason)
    // A certificate that ends takes no right from the agent: its requests go on over its next link.
    const lost: Record<string, string> = { agent_locked: 'lost locked', agent_unknown: 'lost revoked' }
    t.strictSame(
      hub.happened.filter((each) => each.startsWith('lost')),
      lost[reason] === undefined ? [] : [lost[reason]],
      reason,
    )

    hub.links.down(link, reason, true)
    const other = hub.link()
    t.equal(other.ended, reason, 'though it was let in a moment before')
    t.equal(hub.links.get('node-1'), undefined)
  }
  t.end()
})

t.test('J129 the newest link serves, and the older one is cut unless the new one was expected', (t) => {
  const hub = start()
  const [first, second] = [hub.link(), hub.link()]
  t.equal(first.ended, 'replaced')
  t.equal(hub.links.get('node-1'), second)

  second.moving = true
  const third = hub.link()
  t.same([second.ended, second.retired], [null, true], 'the hub has asked for it')

  hub.world.agent = { serial: 'c', previousSerial: 'b' }
  const fourth = hub.link('c')
  t.same([third.ended, third.retired], [null, true], 'it is on a renewed certificate')
  t.equal(hub.count('audit agent.disconnected replaced'), 3)

  for (const link of [second, third]) hub.links.down(link, 'replaced', true)
  t.equal(hub.links.get('node-1'), fourth)
  t.notOk(
    hub.happened.some((each) => each.includes('"connected":false')),
    'the agent is there all the time',
  )
  hub.links.down(fourth, 'connection_lost', true)
  t.equal(hub.links.get('node-1'), undefined)
  t.equal(hub.happened.at(-1), 'changed {"hostname":"node-1","connected":false,"reason":"connection_lost"}')
  t.equal(hub.links.all.size, 1, 'what is closed is forgotten; the first is not yet')
  hub.links.down(hub.link(), 'hello_timeout', false)
  t.equal(hub.happened.at(-1), 'audit agent.rejected hello_timeout')
  t.end()
})

t.test('J266 a companion is seen by nobody but its link, and is cut by what cuts a link', (t) => {
  const hub = start()
  const link = hub.link()
  const adopted: LiveLink[] = []
  let takes = true
  Object.assign(link, { companions: { adopt: (made: LiveLink) => takes && adopted.push(made) > 0 } })
  hub.happened.length = 0
  const companion = Object.assign(hub.greeted(), { companion: true })
  hub.links.up(companion)
  t.same(adopted, [companion])
  t.same([hub.links.get('node-1'), hub.links.list(), hub.happened], [link, [link], []])
  for (const type of ['renew', 'moved', 'apps', 'hub_ca_stored', 'odd'])
    hub.links.receive(companion, { type })
  t.same([hub.happened, companion.ended], [[], null], 'messages are for the link')

  takes = false
  const refused = Object.assign(hub.greeted(), { companion: true })
  hub.links.up(refused)
  t.equal(refused.ended, 'companion_unexpected')
  t.same(hub.happened.splice(0), ['audit agent.rejected companion_unexpected'])
  hub.links.down(refused, 'companion_unexpected', true)
  hub.world.locked = true
  hub.world.apply(touched('lock'))
  t.same([link.ended, companion.ended], ['agent_locked', 'agent_locked'])
  t.equal(hub.count('lost'), 1)
  hub.happened.length = 0
  hub.links.down(companion, 'agent_locked', true)
  t.same(hub.happened, [])
  hub.links.receive(companion, { type: 'draining' })
  t.ok(companion.retired)

  const late = Object.assign(hub.greeted(), { companion: true })
  hub.links.up(late)
  t.equal(late.ended, 'agent_locked', 'the same checks')
  t.end()
})

t.test('J130 a replaced link finishes its streams, unless the agent itself is refused', (t) => {
  const hub = start()
  hub.world.agent = { serial: 'c', previousSerial: 'b' }
  const [old, link] = [hub.link('b'), hub.link('c')]
  hub.world.agent.previousSerial = null
  hub.world.apply(touched('agent'))
  t.same([old.ended, link.ended], [null, null])
  hub.world.locked = true
  hub.world.apply(touched('lock'))
  t.same([old.ended, link.ended], ['agent_locked', 'agent_locked'])
  t.equal(hub.count('lost'), 1, 'its sessions are ended once')
  t.end()
})

t.test('links in use get new keys only', (t) => {
  const hub = start()
  hub.world.agent = { serial: 'c', previousSerial: 'b' }
  hub.link('b')
  hub.link('c')
  t.equal(hub.count('tell'), 2, 'each when it comes up')
  hub.happened.length = 0
  for (const kind of ['lock', 'agent']) hub.world.apply(touched(kind))
  t.same(hub.happened, [])
  for (const kind of ['hub-ca', 'agent-ca', 'user-ca']) hub.world.apply(new Map([['key', new Set([kind])]]))
  t.same(hub.happened, ['tell c', 'tell c'])
  hub.world.apply(null)
  t.same(hub.happened.length, 3)
  t.end()
})

t.test(
  'J129 the previous certificate is void once the agent has moved all its links, or after 10 s',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const hub = start()
    hub.link('b')
    t.equal(hub.count('confirm'), 0, 'there is none before')
    hub.world.agent = { serial: 'c', previousSerial: 'b' }
    hub.link('b')
    t.equal(hub.count('confirm'), 0, 'it is the one before itself')
    hub.link('c')
    t.equal(hub.count('confirm c'), 1, 'the only hub')
    await settled()

    hub.world.reachable.set('hub-2', '')
    const link = hub.link('c')
    mock.timers.tick(9_999)
    t.equal(hub.count('confirm c'), 1)
    mock.timers.tick(1)
    t.equal(hub.count('confirm c'), 2)
    const written = Promise.withResolvers<void>()
    hub.world.answer = () => written.promise
    await settled()
    for (let time = 0; time < 1_000; time++) hub.links.receive(link, { type: 'moved' })
    t.equal(hub.count('confirm c'), 3, 'however often it says so, it costs one change')
    written.reject(new Error('no database'))
    await settled()
    hub.links.receive(link, { type: 'moved' })
    t.equal(hub.count('confirm c'), 4, 'and is tried again after a failure')
    await settled()
  },
)

t.test('a link gets the list of live hubs, and must move once when the hub that relays it stops', (t) => {
  const hub = start()
  hub.world.reachable = new Map([
    ['hub-1', '10.0.0.1:3080'],
    ['hub-2', '10.0.0.2:3080'],
  ])
  const addresses = { 'hub-1': '10.0.0.1:3080', 'hub-2': '10.0.0.2:3080' }
  const both = { type: 'instances', instances: ['hub-1', 'hub-2'], addresses }
  const direct = hub.link()
  hub.world.hubsChanged()
  t.same(direct.sent.splice(0), [both])
  const through = hub.link('b', 'hub-2')
  hub.links.down(direct, 'replaced', true)
  hub.world.hubsChanged()
  t.same(through.sent.splice(0), [both])
  hub.world.reachable.delete('hub-2')
  for (let time = 0; time < 2; time++) hub.world.hubsChanged()
  const news = { type: 'instances', instances: ['hub-1'], addresses: { 'hub-1': '10.0.0.1:3080' } }
  t.same(through.sent, [news, { type: 'move' }, news])
  t.same(direct.sent, [], 'one that is no longer in use hears nothing')
  t.end()
})

t.test('an agent learns of a hub that starts between its greeting and its hello', (t) => {
  const hub = start()
  const link = hub.greeted()
  hub.world.reachable.set('hub-2', '10.0.0.2:3080')
  hub.world.hubsChanged()
  hub.links.up(link)
  const addresses = { 'hub-1': '', 'hub-2': '10.0.0.2:3080' }
  t.same(link.sent, [{ type: 'instances', instances: ['hub-1', 'hub-2'], addresses }])
  t.end()
})

t.test(
  'J131 an agent renews at most ten times a minute, one at a time, and gets the reason of a refusal',
  async (t) => {
    const hub = start()
    const link = hub.link()
    const ask = () => hub.links.receive(link, { type: 'renew', csr: 'csr' })
    const heard = () => link.sent.splice(0).map(({ type, code }) => code ?? type)
    ask()
    ask()
    t.equal(hub.count('renew'), 1, 'the second at once is not heard')
    await settled()
    t.same(heard(), ['certificate'])
    const failures = [problemFor('agent_unknown', 'gone'), new Error('SELECT secret')]
    for (const failure of failures) {
      hub.world.answer = () => Promise.reject(failure)
      ask()
      await settled()
    }
    t.same(heard(), ['agent_unknown', 'internal_error'])
    for (let time = 0; time < 8; time++) {
      ask()
      await settled()
    }
    t.equal(hub.count('renew'), 10)
    t.equal(heard().at(-1), 'too_many_renewals')
    hub.links.receive(link, { type: 'draining' })
    t.ok(link.retired)
    hub.links.receive(link, { type: 'odd' })
    t.equal(link.ended, 'protocol_error', 'what nobody can handle ends its own link, and nothing else')
  },
)

t.test('U231 only the newest link of an agent proposes apps, and at most 12 times a minute', (t) => {
  const hub = start()
  const [older, link] = [hub.link(), hub.link()]
  const uri = 'http://127.0.0.1:1'
  const apps = [
    { name: 'wiki', uri, agents: ['other'] },
    { name: 'Wrong', uri },
  ]
  const proposed = () => hub.happened.filter((each) => each.startsWith('proposed'))
  hub.links.receive(older, { type: 'apps', apps })
  t.strictSame(proposed(), [])
  hub.links.receive(link, { type: 'apps', apps })
  t.strictSame(proposed(), [
    `proposed ${JSON.stringify({ hostname: 'node-1', apps: [{ name: 'wiki', uri }] })}`,
  ])
  for (let time = 0; time < 20; time++) hub.links.receive(link, { type: 'apps', apps: 'none' })
  t.equal(proposed().length, 12)
  t.equal(link.ended, null)
  t.end()
})
