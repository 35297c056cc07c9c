// together: suites
/** The suites for parts of plugins: each rule finds the flaw that breaks it. */
import { type Database, defineHubPlugin, migrations } from '@mezite/core'
import { conformCommand, conformHttpHooks, conformMigrations } from '@mezite/core/testing'
import t from 'tap'
import appNotes from '../../examples/app-notes/hub.ts'
import httpRules from '../../examples/http-rules/hub.ts'
import { COMMANDS } from '../../examples/recent-requests/commands.ts'
import { failuresOf, unprovenOf } from './failures.ts'

const REQUESTS = 'every request passes or is refused, and changes keep the rules'
const RESPONSES = 'every response passes, and changes keep the rules'
const HTTP_FLAWS: Readonly<Record<string, readonly string[]>> = {
  none: [],
  silent: ['it taps http.request or http.response'],
  throws: [REQUESTS],
  'needs-person': [REQUESTS],
  waits: [REQUESTS],
  'changes-method': [REQUESTS],
  'changes-path': [REQUESTS],
  'sets-identity': [REQUESTS],
  'splits-header': [REQUESTS],
  'bad-reason': [REQUESTS],
  'bad-status': [REQUESTS],
  'bad-header': [REQUESTS],
  'text-body': [REQUESTS],
  'shared-body': [RESPONSES],
  'endless-body': [RESPONSES],
  'long-message': [REQUESTS],
  'refuses-late': ['a refusal comes before the tap returns'],
  'changes-length': [RESPONSES],
  'adds-body': [RESPONSES],
  'sets-framing': [RESPONSES],
}

const hooks = (flaw: string) =>
  defineHubPlugin({
    name: 'hooks',
    api: 1,
    summary: 'Changes messages',
    setup({ tap }) {
      if (flaw === 'silent') return
      let bodies = 0
      tap.http.request((request, { subject, refuse, transform }) => {
        const add = (...lines: string[]) => ({ ...request, headers: [...request.headers, ...lines] })
        if (flaw === 'throws' && request.query !== null) throw new Error('broken')
        if (flaw === 'needs-person') return add('X-Team', subject!.user)
        if (flaw === 'waits') return Promise.resolve(request) as never
        if (flaw === 'changes-method') return { ...request, method: 'PUT' }
        if (flaw === 'changes-path') return { ...request, path: `${request.path}?a` }
        if (flaw === 'sets-identity') return add('X-Mezite-User', 'root')
        if (flaw === 'splits-header') return add('X-A', 'a\r\nX-B: b')
        if (flaw === 'bad-reason') refuse('Not Snake Case')
        if (flaw === 'bad-status') refuse({ status: 302, reason: 'moved' })
        if (flaw === 'bad-header') refuse({ status: 429, reason: 'slow', headers: { connection: 'close' } })
        if (flaw === 'text-body')
          transform(() => ({ write: () => 'text' as never, end: () => Buffer.alloc(0) }))
        if (flaw === 'none') transform(() => ({ write: (chunk) => chunk, end: () => Buffer.alloc(0) }))
        if (flaw === 'long-message') refuse('blocked', 'x'.repeat(1_025))
        if (flaw === 'refuses-late') setTimeout(() => refuse('late'), 5)
        if (flaw === 'none' && request.method === 'POST') refuse('blocked', 'Not now.')
        return add('X-Checked-By', 'hooks')
      })
      tap.http.response(({ status, headers }, { transform }) => {
        if (flaw === 'shared-body')
          transform(() => ({ write: (chunk) => chunk, end: () => Buffer.from(String(bodies++)) }))
        if (flaw === 'endless-body')
          transform(() => ({ write: (chunk) => chunk, end: () => Buffer.alloc((1 << 20) + 1) }))
        const lines = headers.filter((_, at) => !/^content-length$/i.test(headers[at - (at % 2)]!))
        if (flaw === 'changes-length') return { status, headers: lines }
        if (flaw === 'adds-body') return { status: 200, headers }
        return { status, headers: [...headers, flaw === 'sets-framing' ? 'Transfer-Encoding' : 'X-A', 'a'] }
      })
    },
  })

t.test('each rule fails for its own flaw of taps of http.request and http.response', async (t) => {
  const config = { blocked: { wiki: ['/a%2Fb'] } }
  t.strictSame(await failuresOf((t) => conformHttpHooks(t, httpRules, { config })), [], 'http-rules')
  for (const [flaw, expected] of Object.entries(HTTP_FLAWS))
    t.strictSame(await failuresOf((t) => conformHttpHooks(t, hooks(flaw))), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformHttpHooks(t, hooks('none')), HTTP_FLAWS),
    [],
  )
})

const RUN = 'they run on an empty database'
const NAMED = 'they belong to the plugin, and their names give the order'
const PREFIX = 'tables that they create have the name of the plugin'
const ADDS = 'a later migration only adds, so that a hub of the version before can run beside it'
const MIGRATION_FLAWS: Readonly<Record<string, readonly string[]>> = {
  none: [],
  // The hub refuses the setup, so that nothing is left to check.
  'foreign-owner': [NAMED, RUN, PREFIX, ADDS],
  'no-number': [NAMED],
  'broken-sql': [RUN],
  'foreign-table': [PREFIX],
  drops: [ADDS],
  renames: [ADDS],
  'not-null': [ADDS],
  breaking: [],
}

const tables = (flaw: string) =>
  defineHubPlugin({
    name: 'my-tables',
    api: 1,
    summary: 'Keeps tables',
    provides: { migrations },
    setup({ provide }) {
      const table = flaw === 'foreign-table' ? 'things' : 'my_tables'
      const second = `0002-more${flaw === 'breaking' ? '-breaking' : ''}`
      provide.migrations({
        owner: flaw === 'foreign-owner' ? 'core' : 'my-tables',
        migrations: {
          [flaw === 'no-number' ? 'first' : '0001-first']: {
            async up({ schema }: Database) {
              const type = flaw === 'broken-sql' ? 'no_such_type' : 'text'
              await schema
                .createTable(table)
                .addColumn('name', type as 'text')
                .execute()
            },
          },
          ...(flaw !== 'no-number' && {
            [second]: {
              async up({ schema }: Database) {
                if (flaw === 'drops' || flaw === 'breaking') return schema.dropTable(table).execute()
                if (flaw === 'renames')
                  return schema.alterTable(table).renameColumn('name', 'title').execute()
                const add = schema.alterTable(table)
                await add
                  .addColumn('more', 'text', (at) => (flaw === 'not-null' ? at.notNull() : at))
                  .execute()
              },
            },
          }),
        },
      })
    },
  })

t.test('each rule fails for its own flaw of migrations', async (t) => {
  const use = { access: {}, catalog: {}, pages: {}, revisions: { addView() {} } }
  t.strictSame(await failuresOf((t) => conformMigrations(t, appNotes, { use })), [], 'app-notes')
  for (const [flaw, expected] of Object.entries(MIGRATION_FLAWS))
    t.strictSame(await failuresOf((t) => conformMigrations(t, tables(flaw))), expected, flaw)
  t.strictSame(
    unprovenOf((t) => conformMigrations(t, tables('none')), MIGRATION_FLAWS),
    [],
  )
})

t.test('each rule fails for its own flaw of commands', async (t) => {
  t.strictSame(await failuresOf((t) => conformCommand(t, COMMANDS)), [], 'recent-requests')
  const good = {
    summary: 'Say hello',
    examples: ['<%= config.bin %> hello', { command: '<%= config.bin %> hello --json' }],
    flags: { name: { char: 'n', description: 'Whom to greet' } },
    baseFlags: { format: { description: 'Format' }, json: { description: 'Print JSON' } },
  }
  const SUMMARY = 'each command has a name and a summary of one line'
  const FLAG = 'each flag has a name, help, and a short form of its own'
  const FLAWS = [
    [{ hello: good }, []],
    [{}, [SUMMARY]],
    [{ Hello: good }, [SUMMARY]],
    [{ hello: { ...good, summary: 'Says hello.' } }, [SUMMARY]],
    [
      { hello: { ...good, examples: ['mezctl hello'] } },
      ['examples have the name of the program that runs them'],
    ],
    [{ hello: { ...good, flags: { name: {} } } }, [FLAG]],
    [{ hello: { ...good, flags: { Name: { description: 'x' } } } }, [FLAG]],
    [{ hello: { ...good, flags: { ...good.flags, no: { char: 'n', description: 'x' } } } }, [FLAG]],
    [{ hello: { ...good, baseFlags: {} } }, ['each command has the output formats of the built-in commands']],
  ] as const
  for (const [commands, expected] of FLAWS)
    t.strictSame(await failuresOf((t) => conformCommand(t, commands)), expected, JSON.stringify(commands))
  t.strictSame(
    unprovenOf((t) => conformCommand(t, COMMANDS), { all: FLAWS.flatMap(([, expected]) => expected) }),
    [],
  )
})
