// together: rooms
/** The collection of a declared resource, on a real database: who sees what, unreadable rows, and changes that are rejected. */
import {
  type AuditInput,
  type Database,
  defineResource,
  type Log,
  Problem,
  type Subject,
  Type,
} from '@mezite/core'
import { systemClock } from '@mezite/core/protocol'
import { testActor } from '@mezite/core/testing'
import t from 'tap'
import { changesOf, openTestDatabase } from '../state/database/stores.ts'

interface NoteRow {
  readonly id: string
  readonly owner: string
  readonly text: string
}
type Tables = { notes: NoteRow }
type NewNote = Pick<NoteRow, 'id' | 'text'>

const errors: unknown[] = []
const log: Log = {
  debug() {},
  info() {},
  warn() {},
  error: (fields: unknown) => void errors.push(fields),
  child: () => log,
}
const events: AuditInput[] = []
const migrations = {
  owner: 'notes',
  migrations: {
    '0001-notes': {
      async up(db: Database) {
        const table = db.schema.createTable('notes').addColumn('id', 'text', (column) => column.primaryKey())
        await table.addColumn('owner', 'text').addColumn('text', 'text').execute()
      },
    },
  },
}
const store = await openTestDatabase([migrations], log)
const db = store.db.withTables<Tables>()
const audit = {
  recordIn: async (_: unknown, inputs: readonly AuditInput[]) => void events.push(...inputs),
  committed() {},
}
const revisions = changesOf(store, { log, audit })
t.teardown(async () => {
  await revisions.stop()
  await store.close()
})

let swaps = 0
const notes = defineResource<NoteRow, NoteRow, NewNote>({
  name: 'note',
  collection: 'notes',
  table: 'notes',
  key: 'id',
  form: { flat: Type.Object({ id: Type.String(), text: Type.String() }) },
  read(row) {
    if (row.text === 'broken') throw new Error('the text is broken')
    return row
  },
  unreadable: 'nobody sees it',
  show: ({ id, text }) => ({ id, text }),
  visible: ({ owner }, { user, roles }) => owner === user || roles.includes('admin'),
  swapped: () => {
    swaps += 1
  },
  audited: ({ id }) => ({ note: id }),
  verbs: {
    list: { access: 'user' },
    get: { access: 'user' },
    create: {
      body: Type.Object({ id: Type.String(), text: Type.String() }),
      row: ({ id, text }, { subject }) => ({
        row: { id, text, owner: subject.user },
        shown: { once: 'secret' },
      }),
      async within({ row }) {
        if (row.text === 'forbidden') throw new Problem(409, 'note_forbidden', 'This text is forbidden.')
        return undefined
      },
    },
    remove: { access: 'user' },
  },
}).open({ revisions, log, clock: systemClock })
await revisions.start()

const person = (user: string, ...roles: string[]): Subject => ({
  user,
  roles,
  kind: 'session',
  sessionId: null,
  satisfied: [],
})
const by = (user: string, ...roles: string[]) => ({ ...testActor, subject: person(user, ...roles) })
const types = () => events.splice(0).map(({ type, fields }) => `${type} ${fields?.note}`)
const stored = async () => (await db.selectFrom('notes').select('id').execute()).map(({ id }) => id)

t.test('a hidden resource does not exist for the caller, neither to read nor to change', async (t) => {
  const { more } = await notes.create({ id: 'a', text: 'of ann' }, by('ann'))
  t.same(more, { once: 'secret' }, 'what is shown once is in the result of the creation')
  t.notOk(JSON.stringify([...notes.items.values()]).includes('secret'), 'and nowhere else')
  await notes.create({ id: 'b', text: 'of bob' }, by('bob'))
  t.same(
    notes.list(person('ann')).map(({ id }) => id),
    ['a'],
  )
  t.equal(notes.list(person('root', 'admin')).length, 2)
  const missing = { status: 404, code: 'note_not_found' }
  t.throws(() => notes.known('b', person('ann')), missing)
  t.throws(() => notes.known('c', person('ann')), missing)
  await t.rejects(notes.remove('b', by('ann')), missing)
  await t.rejects(
    notes.update('b', by('ann'), () => ({ text: 'of ann' })),
    missing,
  )
  t.equal(notes.known('b').text, 'of bob')
  t.same(types(), ['note.created a', 'note.created b'], 'refused changes leave no event of a change')
})

t.test('a change changes columns of the stored row and is recorded by its own name', async (t) => {
  const before = swaps
  await notes.update('b', by('bob'), ({ text }) => ({ text: `${text}, revised` }), { event: 'revised' })
  t.equal(notes.known('b').text, 'of bob, revised')
  t.equal(notes.known('b').owner, 'bob')
  t.ok(swaps > before, 'what is derived from the copy is derived again')
  t.same(types(), ['note.revised b'])
  await t.rejects(
    notes.update('c', by('bob'), () => ({ text: '' })),
    { code: 'note_not_found' },
  )
})

t.test('a rejected change stores and records nothing', async (t) => {
  await t.rejects(notes.create({ id: 'x', text: 'forbidden' }, by('ann')), { code: 'note_forbidden' })
  t.same((await stored()).sort(), ['a', 'b'])
  t.notOk(notes.items.has('x'))
  t.same(types(), [])
})

t.test('E70 an unreadable row is reported, is not among the items, and can be removed', async (t) => {
  await revisions.write(async (trx, change) => {
    await trx
      .withTables<Tables>()
      .updateTable('notes')
      .set({ text: 'broken' })
      .where('id', '=', 'a')
      .execute()
    change.touch('note', 'a')
  })
  t.notOk(notes.items.has('a'))
  t.ok(notes.unreadable.has('a'))
  t.match(errors.at(-1), { note: 'a', cause: 'the text is broken' })
  t.throws(() => notes.known('a'), { code: 'note_not_found' })
  await notes.remove('a', by('root', 'admin'))
  t.same(await stored(), ['b'])
  t.notOk(notes.unreadable.has('a'))
  t.same(types(), ['note.deleted a'])
})
