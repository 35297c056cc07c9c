// together: mezctl
/** What every `ls` can do, and what every help text has. */
import t from 'tap'
import { COMMANDS as MEZCTL } from '../../oclif-cli/mezctl/command-classes.ts'
import { COMMANDS as MSH } from '../../oclif-cli/msh/command-classes.ts'
import { showRows } from '../../oclif-cli/shared/list-command.ts'
import { arranged, type Column, chosen } from '../../oclif-cli/shared/list-flags.ts'
import { startFakeHub } from './fake-hub.ts'
import { runLines } from './run-program.ts'
import { wideRows } from './wide-rows.ts'

const hub = await startFakeHub()
t.teardown(() => hub.stop())
const env = { MEZITE_DATA_DIR: hub.dir }
for (const [path, rows] of Object.entries(wideRows())) hub.answers.set(path, rows)
hub.events.push(...(hub.answers.get('/audit') as Record<string, unknown>[]))

const all = { ...MEZCTL, ...Object.fromEntries(Object.entries(MSH).map(([id, one]) => [`msh ${id}`, one])) }
const lists = Object.keys(MEZCTL).filter((id) => id.endsWith(':ls'))

t.test('every ls has --q, --state, --label, --limit and --sort', (t) => {
  const every = Object.keys(all).filter((id) => id.endsWith(':ls'))
  t.ok(every.length >= 17, `${every.length} lists`)
  for (const id of every) {
    const { flags } = all[id]!
    for (const name of ['q', 'state', 'label', 'limit', 'sort']) t.ok(flags[name], `${id} --${name}`)
    for (const name of ['state', 'sort'])
      t.ok((flags[name] as { options?: readonly string[] }).options!.length > 1, `${id}: values of --${name}`)
  }
  t.end()
})

t.test('the help of every command has an example, whose flags exist', (t) => {
  for (const [id, command] of Object.entries(all)) {
    const examples = (command.examples ?? []).map(String)
    t.ok(examples.length > 0, `${id} has an example`)
    const known = { ...command.baseFlags, ...command.flags }
    for (const example of examples) {
      // Other programs have flags of their own.
      const [own = ''] = example.startsWith('<%= config.bin %> <%=') ? example.split(/ \| | -- /) : []
      for (const [, flag = ''] of own.matchAll(/(?<= )--([a-z][a-z-]*)/g))
        if (!(flag in known)) t.ok(flag.startsWith('no-') && flag.slice(3) in known, `${id}: --${flag}`)
    }
  }
  t.end()
})

t.test('every ls fits a terminal of 80 columns, with long names, and shows every row', async (t) => {
  const lines = lists.map((id) => id.replace(':', ' '))
  const finished = await runLines(lines, { ...env, BATCH_COLUMNS: '80' })
  for (const [at, { code, out, err }] of finished.entries()) {
    t.strictSame([code, err], [0, ''], lines[at]!)
    const wide = out.split('\n').filter((line) => line.length > 80)
    t.strictSame(wide, [], lines[at]!)
    t.ok(out.split('\n').length > 3, `${lines[at]}: ${out}`)
  }
})

t.test('--state, --label, --sort and --limit choose on the command line, and --q on the hub', async (t) => {
  const names = (json: string) =>
    JSON.parse(json).map((one: { name?: string; hostname?: string; metadata?: { name: string } }) =>
      String(one.metadata?.name ?? one.hostname ?? one.name),
    )
  const lines = [
    'apps ls --state unreachable --json',
    'apps ls --label team=data --json',
    'apps ls --label team=data --label env=prod --json',
    'agents ls --label team=data --json',
    'agents ls --sort rtt --json',
    'users ls --sort last-login --limit 2 --json',
    'users ls --state never-signed-in --json',
    'roles ls --label team=data --json',
    'apps ls --q grafana -o json',
    'agents ls --state down --label nowhere=1',
  ]
  const [unreachable, data, both, agents, rtt, login, never, roles, , none] = await runLines(lines, env)
  t.strictSame(names(unreachable!.out), ['wiki-muenchen-production'])
  t.strictSame(names(data!.out), ['grafana-berlin-production', 'wiki-muenchen-production'])
  t.strictSame(names(both!.out), ['grafana-berlin-production'])
  t.strictSame(
    names(agents!.out),
    ['agent-berlin-1.datacentre.example.com'],
    'an agent that serves such an app',
  )
  t.strictSame(names(rtt!.out).at(-1), 'agent-idle', 'what has no value comes last')
  t.strictSame(names(login!.out), ['anna.bauer-schmidt@engineering.example.com', 'bob@example.com'])
  t.match(login!.err, /^note: 2 of 3 shown; --limit N shows more$/m)
  t.strictSame(names(never!.out), ['new@example.com'])
  t.strictSame(names(roles!.out), ['data-engineers-production'])
  t.ok(
    hub.seen.some(({ url }) => url === '/v1/webapi/apps?q=grafana'),
    'the hub searches',
  )
  t.equal(none!.out, 'No agents match. To list all of them: mezctl agents ls\n')
  const wrong = [
    'apps ls --sort nothing',
    'apps ls --state odd',
    'apps ls --label broken',
    'apps ls --limit 0',
  ]
  for (const { code, err } of await runLines(wrong, env))
    t.match({ code, err }, { code: 2, err: /MEZ_USAGE_WRONG/ })
})

t.test('an order puts the latest time, the nearest deadline and the largest number first', (t) => {
  type One = { readonly name: string; readonly at: string | null; readonly size: number }
  const columns: readonly Column<One>[] = [
    ['name', ({ name }) => name],
    ['last used', ({ at }) => at, 'time'],
    ['ends', ({ at }) => at, 'deadline'],
    ['size', ({ size }) => size],
  ]
  const rows: readonly One[] = [
    { name: 'node-10', at: '2026-01-02T00:00:00Z', size: 2 },
    { name: 'node-9', at: null, size: 30 },
    { name: 'node-1', at: '2026-01-03T00:00:00Z', size: 4 },
  ]
  const by = (sort: string) => arranged(rows, { sort }, { columns }).map(({ name }) => name)
  t.strictSame(by('name'), ['node-1', 'node-9', 'node-10'])
  t.strictSame(by('last-used'), ['node-1', 'node-10', 'node-9'])
  t.strictSame(by('ends'), ['node-10', 'node-1', 'node-9'])
  t.strictSame(by('size'), ['node-9', 'node-1', 'node-10'])
  t.strictSame(
    chosen(rows, { q: 'NODE 10' }, { columns }).map(({ name }) => name),
    ['node-10'],
    'words in any order, in any case',
  )
  t.end()
})

t.test('a narrow terminal leaves out the last columns, and says which', (t) => {
  const columns: readonly Column<string>[] = ['id', 'name', 'roles', 'created by'].map((title) => [
    title,
    () => 'x'.repeat(title === 'id' ? 36 : 25),
  ])
  const text = showRows(['one'], { columns }, 80)
  t.match(text, /^ID +NAME\nx{36} {2}x{25}\n\nThe terminal is too narrow for: roles, created by\./)
  t.ok(text.split('\n').every((line) => line.length <= 80))
  t.match(showRows(['one'], { columns }, 200), /CREATED BY/)
  const long = showRows(['y'.repeat(300)], { columns: [['name', (one: string) => one]] }, 80)
  t.equal(long.replaceAll(/\s/g, ''), `NAME${'y'.repeat(300)}`, 'no text is cut off')
  t.ok(long.split('\n').every((line) => line.length <= 80))
  t.end()
})
