// together: quick
/** How parts are made of each other, started and stopped, with parts of plain memory in place of those of a hub. */
import t from 'tap'
import { createParts, type Part } from '../../core/kernel/parts.ts'
import { memoryLog } from '../../core/testing/index.ts'

interface House {
  readonly cellar: string
  readonly hall: string
  readonly loft: { readonly view: () => string }
}
type Seen = House & { readonly unit: string }

/** A house, and what happened to its parts, in order. */
function house(other: { readonly [Name in keyof House]?: Partial<Part<House[Name]>> } = {}) {
  const events: string[] = []
  const part = (name: string) => ({
    start: () => events.push(`start ${name}`),
    stop: () => events.push(`stop ${name}`),
  })
  const list: { readonly [Name in keyof House]: Part<House[Name]> } = {
    hall: {
      needs: ['cellar'],
      make: ({ cellar, unit }: Seen) => {
        events.push('make hall')
        return `hall on ${cellar}, in ${unit}`
      },
      ...part('hall'),
      ...other.hall,
    },
    cellar: {
      make: () => {
        events.push('make cellar')
        return 'cellar'
      },
      ...part('cellar'),
      ...other.cellar,
    },
    loft: {
      later: ['hall'],
      make: (rooms: Seen) => {
        events.push('make loft')
        return { view: () => rooms.hall }
      },
      ...part('loft'),
      ...other.loft,
    },
  }
  const { log, lines } = memoryLog()
  const closers: (() => unknown)[] = []
  const parts = createParts<{ readonly unit: string }, House>({ unit: 'm' }, list, log)
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  return { ...parts, start: () => parts.start((closer) => closers.push(closer)), close, events, lines }
}

t.test('each part is made once, after those that it needs and otherwise in the order of the list', (t) => {
  const { make, events } = house()
  const rooms = make()
  t.strictSame(events, ['make cellar', 'make hall', 'make loft'])
  t.equal(rooms.hall, 'hall on cellar, in m')
  t.equal(rooms.loft.view(), rooms.hall, 'a part that is read later is there')
  t.strictSame(
    Object.keys({ ...rooms }).sort(),
    ['cellar', 'hall', 'loft', 'unit'],
    'copies have all of them',
  )
  t.strictSame(events.length, 3)
  t.end()
})

t.test('parts that are named alone are made with those that they need', (t) => {
  const { make, events } = house()
  const rooms = make(['hall'])
  t.strictSame(events, ['make cellar', 'make hall'])
  t.strictSame(Object.keys({ ...rooms }).sort(), ['cellar', 'hall', 'unit'], 'a copy makes no more')
  t.end()
})

t.test('a part sees nothing that it does not name', (t) => {
  const { make } = house({ cellar: { make: (rooms: Seen) => `under ${rooms.hall}` } })
  t.equal(make().cellar, 'under undefined')
  t.end()
})

t.test('parts that need each other while they are made, or wait for each other, are refused by name', (t) => {
  const reads = house({
    cellar: { later: ['loft'], make: ({ loft }: Seen) => loft.view() },
    loft: { make: ({ hall }: Seen) => ({ view: () => hall }) },
  })
  t.throws(() => reads.make(), {
    message: 'parts need each other while they are made: hall, cellar, loft, hall',
  })
  t.throws(() => house({ cellar: { after: { hall: 'no reason' } } }), {
    message: 'parts wait for each other: hall, cellar, hall',
  })
  t.end()
})

t.test(
  'a part that fails makes the start fail with its own reason, and nothing that was not reached is stopped',
  async (t) => {
    const wet = () => Promise.reject(new Error('the cellar is wet'))
    const { make, start, close, events } = house({ cellar: { start: wet } })
    make()
    await t.rejects(start(), { message: 'the cellar is wet' })
    await close()
    t.strictSame(events.slice(3), ['stop cellar'])
  },
)

t.test(
  'parts start after those that they need or come after, stop the other way round, and say how long both took',
  async (t) => {
    const { make, start, close, events, describe, lines } = house({
      cellar: { after: { loft: 'it is built from above' } },
    })
    make()
    t.strictSame(
      describe().map(({ name, startMs }) => [name, startMs]),
      [
        ['loft', null],
        ['cellar', null],
        ['hall', null],
      ],
    )
    await start()
    await close()
    t.strictSame(events.slice(3), [
      ...['start loft', 'start cellar', 'start hall'],
      ...['stop hall', 'stop cellar', 'stop loft'],
    ])
    for (const { name, startMs } of describe()) t.ok(Number(startMs) >= 0, `${name}: ${startMs} ms`)
    t.strictSame(describe()[1], {
      ...describe()[1]!,
      name: 'cellar',
      needs: [],
      after: { loft: 'it is built from above' },
      provides: [],
    })
    t.match(lines.join('\n'), /the parts have started[\s\S]*the parts have stopped/)
  },
)
