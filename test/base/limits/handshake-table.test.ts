// together: quick
/** Whose unfinished handshake is closed when there are too many. */
import { fakeClock } from '@mezite/core/testing'
import t from 'tap'
import { type Handshake, HandshakeTable } from '../../../core/base/limits/handshake-table.ts'

function start(most: number, sessions: () => string[] = () => []) {
  const closed: string[] = []
  const groups: string[] = []
  const clock = fakeClock()
  const table = new HandshakeTable({
    most,
    sessionAddresses: sessions,
    evicted: (group) => groups.push(group),
    clock,
  })
  const add = (address: string, name = address): Handshake => {
    const handshake: Handshake = {
      info: { clientIp: address, clientPort: 1, trustedProxy: false, serverName: null },
      done: () => table.delete(handshake),
      evict: () => closed.push(name),
    }
    table.add(handshake, address)
    return handshake
  }
  return { table, add, closed, groups, clock }
}

t.test('N167 the oldest handshake of the largest address group is closed', async (t) => {
  const { table, add, closed, groups } = start(6)
  add('192.0.2.1', 'a 1')
  add('198.51.100.1', 'b 1')
  add('192.0.2.77', 'a 2')
  const third = add('192.0.2.1', 'a 3')
  add('2001:db8:0:1::1', 'c 1')
  add('2001:db8:0:ffff::1', 'c 2')
  add('203.0.113.1')
  t.strictSame([closed, groups], [['a 1'], ['192.0.2.0/24']])
  third.done()
  third.done()
  t.equal(table.size, 5)
  add('203.0.113.9', 'd 2')
  add('203.0.113.9', 'd 3')
  add('203.0.113.9', 'd 4')
  t.strictSame(closed, ['a 1', '203.0.113.1', 'd 2'], 'a flood that is alone closes its own')
  t.equal(table.size, 6)
  t.equal(groups.at(-1), '203.0.113.0/24')
})

t.test('N167 IPv6 addresses are grouped by /48, of which one owner may use any /64', async (t) => {
  const { add, groups } = start(3)
  add('2001:db8:0:1::1')
  add('2001:db8:0:ffff::1')
  add('2001:db8:1:1::1')
  add('192.0.2.1')
  t.strictSame(groups, ['2001:db8:0::/48'])
})

t.test('N167 agents and addresses with a live session keep a share, but no more than half', async (t) => {
  const { table, add, closed } = start(8, () => ['203.0.113.1'])
  table.rememberAgent('198.51.100.7')
  for (let count = 0; count < 4; count++) add('192.0.2.1', 'flood')
  for (let count = 0; count < 3; count++) add('203.0.113.1', 'person')
  add('198.51.100.7', 'agent')
  for (let count = 0; count < 20; count++) add('192.0.2.1', 'flood')
  t.equal(closed.length, 20)
  t.ok(
    closed.every((name) => name === 'flood'),
    'not a known one',
  )
  for (let count = 0; count < 20; count++) add('203.0.113.1', 'person')
  t.ok(closed.includes('person'), 'beyond the share they count as others do')
  t.equal(table.size, 8)
})

t.test('addresses with a session are read only when the table fills, and not each time', async (t) => {
  let reads = 0
  const { add, clock } = start(10, () => {
    reads += 1
    return []
  })
  for (let count = 0; count < 5; count++) add('192.0.2.1')
  t.equal(reads, 0)
  for (let count = 0; count < 100; count++) add('192.0.2.1')
  t.equal(reads, 1)
  clock.advance(2_001)
  add('192.0.2.1')
  t.equal(reads, 2)
})
