/** Every `ls` against a hub with 400 applications and 3,000 people, in a terminal of 80 columns. */
import t from 'tap'
import { createTestHub } from '../../core/testing/test-hub.ts'
import { COMMANDS } from '../../oclif-cli/mezctl/command-classes.ts'
import { largeData } from '../large-data.ts'
import { large } from '../large-rows.ts'
import { runLines } from './run-program.ts'

const data = largeData()
const hub = await createTestHub({
  plugins: [data.plugin],
  config: { plugins: { 'authorization-server': { enabled: true, registration: true } } },
})
t.teardown(() => hub.stop())
await data.filled

const lists = Object.entries(COMMANDS).filter(([id]) => id.endsWith(':ls'))
const wordsOf = (id: string) => id.split(':')
const run = (lines: readonly (readonly string[])[], columns = '80') =>
  runLines(lines, { MEZITE_DATA_DIR: hub.dataDir, BATCH_COLUMNS: columns })

/** Lists of which the data has rows; the others are empty here, and show the next step. */
const FILLED = 'apps users agents locks sessions requests certs audit bots roles'.split(' ')

t.test('every ls of a real hub fits 80 columns, full or empty', async (t) => {
  const lines = lists.map(([id]) => wordsOf(id))
  const finished = await run(lines)
  for (const [at, { code, out }] of finished.entries()) {
    const line = lines[at]!.join(' ')
    t.equal(code, 0, line)
    t.strictSame(
      out.split('\n').filter((shown) => shown.length > 80),
      [],
      line,
    )
    t.equal(/^(No |Nobody )/.test(out), !FILLED.includes(lines[at]![0]!), `${line}: ${out.slice(0, 80)}`)
  }
})

t.test(
  'every ls asks the hub for the words of --q, and finds nothing with words that nothing has',
  async (t) => {
    const lines = lists.map(([id]) => [...wordsOf(id), '--q', 'zzqq xxyy', '--json'])
    for (const [at, { code, out, err }] of (await run(lines)).entries())
      t.strictSame({ code, out, err }, { code: 0, out: '[]\n', err: '' }, lines[at]!.join(' '))
  },
)

t.test('every ls takes each of its states and orders, and at most as many as --limit says', async (t) => {
  const lines = lists.flatMap(([id, { flags }]) =>
    ['state', 'sort'].flatMap((name) =>
      (flags[name] as { options: readonly string[] }).options.map((value) => [
        ...wordsOf(id),
        `--${name}`,
        value,
        '--limit',
        '3',
        '--json',
      ]),
    ),
  )
  for (const [at, { code, out, err }] of (await run(lines)).entries()) {
    const line = lines[at]!.join(' ')
    t.equal(code, 0, `${line}: ${err}`)
    const shown = JSON.parse(out) as readonly object[]
    t.ok(shown.length <= 3, line)
    if (line.includes('--sort') && FILLED.includes(lines[at]![0]!)) t.ok(shown.length > 0, line)
  }
})

t.test('every ls chooses by a label, and agents and requests by that of an app', async (t) => {
  const labelled = lists.map(([id]) => [...wordsOf(id), '--label', 'team=data', '--json'])
  const nowhere = lists.map(([id]) => [...wordsOf(id), '--label', 'team=nowhere', '--json'])
  const finished = await run([...labelled, ...nowhere])
  const found = new Set<string>()
  for (const [at, { code, out, err }] of finished.entries()) {
    const line = [...labelled, ...nowhere][at]!
    t.equal(code, 0, `${line.join(' ')}: ${err}`)
    const { length } = JSON.parse(out) as readonly object[]
    if (at >= labelled.length) t.equal(length, 0, line.join(' '))
    else if (length > 0) found.add(line[0]!)
  }
  for (const topic of ['apps', 'agents', 'requests']) t.ok(found.has(topic), topic)
})

t.test('a command whose name does not exist names the one that was probably meant', async (t) => {
  const NEW = ['create', 'import', 'register', 'ls', 'invite']
  const MORE: Readonly<Record<string, readonly string[]>> = {
    'apps:update': ['--labels', 'team=data'],
    'apps:oidc': ['--off'],
  }
  const names: Readonly<Record<string, string>> = {
    apps: large.app(3),
    users: large.person(7),
    roles: large.role(4),
    bots: 'ci-1',
    agents: large.agent(5),
  }
  const lines = Object.entries(COMMANDS).flatMap(([id, { args = {}, flags = {} }]) => {
    const [topic = '', verb = ''] = wordsOf(id)
    const own = (COMMANDS[`${topic}:ls`] as { key?: string } | undefined)?.key
    const [first, ...more] = Object.entries(args)
    const name = names[topic]
    if (
      name === undefined ||
      first === undefined ||
      first[0] !== own ||
      !first[1].required ||
      NEW.includes(verb)
    )
      return []
    const rest = more.filter(([, { required }]) => required).map(() => 'oncall')
    const flag = Object.entries(flags).flatMap(([key, one]) =>
      one.required ? [`--${key}`, (one as { options?: readonly string[] }).options?.[0] ?? '1h'] : [],
    )
    return [
      {
        name,
        words: [
          topic,
          verb,
          `${name}x`,
          ...rest,
          ...flag,
          ...(flags.yes ? ['--yes'] : []),
          ...(MORE[id] ?? []),
        ],
      },
    ]
  })
  t.ok(lines.length > 15, `${lines.length} commands`)
  for (const [at, { code, err }] of (await run(lines.map(({ words }) => words))).entries()) {
    const { name, words } = lines[at]!
    t.not(code, 0, words.join(' '))
    t.match(err, `Did you mean ${JSON.stringify(name)}?`, words.join(' '))
  }
})
