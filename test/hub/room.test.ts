/** How rooms are made of each other, with rooms of plain memory in place of those of a hub. */
import t from 'tap'
import { makeRooms, type RoomList } from '../../core/hub/room.ts'

interface Start {
  readonly unit: string
}
interface House extends Start {
  readonly cellar: string
  readonly hall: string
  readonly loft: { readonly view: () => string }
}
const given: Start = { unit: 'm' }

/** The list of a house, and the names of its rooms in the order in which they were made. */
function house(other: Partial<RoomList<Start, House>> = {}) {
  const made: string[] = []
  const list: RoomList<Start, House> = {
    hall: ({ cellar, unit }) => {
      made.push('hall')
      return `hall on ${cellar}, in ${unit}`
    },
    cellar: () => {
      made.push('cellar')
      return 'cellar'
    },
    loft: (rooms) => {
      made.push('loft')
      return { view: () => rooms.hall }
    },
    ...other,
  }
  return { list, made }
}

t.test('each room is made once, after those that it needs and otherwise in the order of the list', (t) => {
  const { list, made } = house()
  const rooms = makeRooms(given, list)
  t.strictSame(made, ['cellar', 'hall', 'loft'])
  t.equal(rooms.hall, 'hall on cellar, in m')
  t.equal(rooms.loft, rooms.loft)
  t.strictSame(
    Object.keys({ ...rooms }).sort(),
    ['cellar', 'hall', 'loft', 'unit'],
    'copies have all of them',
  )
  t.strictSame(made.length, 3)
  t.end()
})

t.test('rooms that are named alone are made with those that they need', (t) => {
  const { list, made } = house()
  const rooms = makeRooms(given, list, ['hall'])
  t.strictSame(made, ['cellar', 'hall'])
  t.strictSame(Object.keys({ ...rooms }).sort(), ['cellar', 'hall', 'unit'], 'a copy makes no more')
  t.equal(rooms.loft.view(), rooms.hall, 'a room that is read later is made then')
  t.end()
})

t.test('two rooms may need each other if one reads the other after both are made', (t) => {
  const { list, made } = house({ hall: ({ loft }) => `hall under ${typeof loft.view}` })
  const rooms = makeRooms(given, list)
  t.equal(rooms.loft.view(), 'hall under function')
  t.strictSame(made, ['loft', 'cellar'])
  t.end()
})

t.test('rooms that need each other while they are made are refused by name', (t) => {
  const { list } = house({ cellar: ({ loft }) => loft.view(), loft: ({ hall }) => ({ view: () => hall }) })
  t.throws(() => makeRooms(given, list), {
    message: 'rooms need each other while they are made: hall, cellar, loft, hall',
  })
  t.end()
})

t.test('a room that fails makes the start fail with its own reason', (t) => {
  const { list } = house({
    cellar: () => {
      throw new Error('the cellar is wet')
    },
  })
  t.throws(() => makeRooms(given, list), { message: 'the cellar is wet' })
  t.end()
})

t.test('a list without one of the rooms does not compile', (t) => {
  const { cellar, hall } = house().list
  // @ts-expect-error: the loft is missing
  const list: RoomList<Start, House> = { cellar, hall }
  const rooms = makeRooms(given, list)
  t.equal(rooms.loft, undefined)
  t.end()
})
