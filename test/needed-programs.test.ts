// together: quick
import t from 'tap'
import { type Installer, missingOf, PROGRAMS, provide } from './needed-programs.ts'
import { marksOf, needsOf, shardOf, unitsOf } from './units.ts'

/** A machine on which nothing is installed, with what was run and said on it. */
function machine(changes: Partial<Installer>, works = true) {
  const [ran, said]: [string[], string[]] = [[], []]
  const installer: Installer = {
    root: false,
    debian: true,
    sudo: true,
    ci: false,
    ask: null,
    say: (line) => void said.push(line),
    run: (command, args) => {
      ran.push([command, ...args].join(' '))
      return works
    },
    ...changes,
  }
  const install = (names: readonly string[]) => provide(names, installer, () => (works ? [] : names))
  return { ran, said, install }
}

t.test('root installs missing programs without a question', async (t) => {
  const { ran, said, install } = machine({ root: true })
  t.strictSame(await install(['bind', 'nginx']), [])
  t.strictSame(ran, [
    'env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends --quiet=2 bind9 nginx',
  ])
  t.match(said.join(), 'bind9 nginx')
})

t.test('an index without the packages is updated', async (t) => {
  const { ran, install } = machine({ root: true }, false)
  t.strictSame(await install(['nginx']), ['nginx'], 'and what is still missing is named')
  t.equal(ran.length, 2)
  t.match(ran[1], 'apt-get update')
})

t.test('sudo is used only after a person has agreed, or where nobody could', async (t) => {
  const asked: string[] = []
  const answering = (answer: string) => async (question: string) => {
    asked.push(question)
    return answer
  }
  const agreed = machine({ ask: answering('') })
  t.strictSame(await agreed.install(['nginx']), [])
  t.match(agreed.ran[0], /^sudo env .* nginx$/)
  t.match(asked[0], 'Install them with sudo?')
  const refused = machine({ ask: answering('n') })
  t.strictSame(await refused.install(['nginx']), ['nginx'])
  t.strictSame(refused.ran, [])
  const alone = machine({})
  t.strictSame(await alone.install(['nginx']), ['nginx'], 'nobody to ask')
  t.strictSame(alone.ran, [])
  const automatic = machine({ ci: true })
  t.strictSame(await automatic.install(['nginx']), [])
  t.match(automatic.ran[0], /^sudo --non-interactive /)
  for (const changes of [
    { debian: false, root: true },
    { sudo: false, ci: true },
  ]) {
    const other = machine(changes)
    t.strictSame(await other.install(['nginx']), ['nginx'])
    t.strictSame(other.ran, [])
  }
})

t.test('a program is missing if none of its files is there', (t) => {
  t.strictSame(missingOf([]), [])
  t.throws(() => missingOf(['no-such-program']))
  t.end()
})

t.test('the marks of test files name what exists', (t) => {
  const units = unitsOf()
  const files = units.flatMap(({ files }) => files)
  t.equal(new Set(files).size, files.length, 'each file runs once')
  for (const file of files)
    for (const need of needsOf(file)) if (!(need in PROGRAMS)) t.fail(`${file}: ${need}`)
  const used = new Set(files.flatMap((file) => [...needsOf(file)]))
  t.strictSame(
    Object.keys(PROGRAMS).filter((name) => !used.has(name)),
    [],
    'each program is needed',
  )
  t.ok(needsOf('test/plugins/dashboard/pages.test.ts').has('chromium'), 'through what it imports')
  t.notOk(needsOf('test/kernel/order.test.ts').size)
  t.strictSame(marksOf('test/kernel/order.test.ts'), { together: 'quick' })
  const groups = units.filter(({ files }) => files.length > 1).map(({ name }) => name)
  t.ok(groups.includes('quick') && groups.includes('rooms'))
  for (const { name, files } of units)
    if (files.length === 1 && marksOf(files[0]!).together !== undefined)
      t.fail(`${name} is alone in its group`)
  t.strictSame(unitsOf(['test/kernel/order.test.ts']), [
    { name: 'test/kernel/order.test.ts', files: ['test/kernel/order.test.ts'] },
  ])
  t.end()
})

t.test('shards have every unit once', (t) => {
  const units = unitsOf()
  const shards = ['1/3', '2/3', '3/3'].map((shard) => shardOf(units, shard))
  t.strictSame(new Set(shards.flat()), new Set(units))
  t.equal(shards.flat().length, units.length)
  t.strictSame(shardOf(units, '1/1'), units)
  for (const wrong of ['0/3', '4/3', '3', 'a/b', '']) t.throws(() => shardOf(units, wrong), /--shard/)
  t.end()
})
