// together: quick
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Type } from '../../core/api/config-types.ts'
import { defineHubPlugin } from '../../core/index.ts'
import { checkPluginConfig } from '../../core/kernel/config-check.ts'
import { createTestHost } from '../../core/testing/index.ts'

const plugin = defineHubPlugin({
  name: 'p',
  api: 1,
  summary: '',
  config: Type.Closed({
    every: Type.Duration({ default: '90d', min: '1m', max: '1000d' }),
    largest: Type.Optional(Type.Size({ min: '1KB' })),
    key: Type.Optional(Type.Secret()),
    each: Type.Optional(Type.Array(Type.Duration())),
    byName: Type.Optional(Type.Map(Type.Size())),
    level: Type.Optional(Type.OneOf(['low', 'high'], { description: 'how much' })),
    note: Type.Optional(Type.Nullable(Type.String())),
    most: Type.Count({ default: 5, max: 9 }),
    hours: Type.Optional(Type.Closed(Type.Optionals({ from: Type.String(), to: Type.String() }))),
  }),
  validate: ({ every, largest = 0 }) =>
    every < largest ? [{ path: ['largest'], message: 'must not exceed `every`' }] : [],
  setup() {},
})
const check = (config: unknown) => checkPluginConfig(plugin, config)
const messages = (config: unknown) =>
  check(config).problems.map(({ path, message }) => `${path.join('.')}: ${message}`)

t.test('durations and sizes reach the plugin as numbers, at every depth', (t) => {
  t.match(check({ largest: '2KB', each: ['1s', '0'], byName: { a: '3GB' } }), {
    value: { every: 90 * 86_400_000, largest: 2_000, each: [1_000, 0], byName: { a: 3_000_000_000 } },
    problems: [],
  })
  t.end()
})

t.test('a value without a unit or beyond a bound is reported as a problem of its key', (t) => {
  t.match(messages({ every: '90' }), [/^plugins\.p\.every: must be a duration such as/])
  t.match(messages({ every: '99999d' }), [/^plugins\.p\.every: must be a duration .*ten years/])
  t.strictSame(messages({ every: '59s', largest: '999B' }), [
    'plugins.p.every: must be at least 1m',
    'plugins.p.largest: must be at least 1KB',
  ])
  t.strictSame(messages({ every: '1001d' }), ['plugins.p.every: must be at most 1000d'])
  t.match(messages({ each: ['1s', 'x'] }), [/^plugins\.p\.each\.1: must be a duration/])
  t.throws(() => Type.Duration({ default: '5' }), TypeError, 'of the author')
  t.end()
})

t.test('an object takes no other members; maps, choices, counts and null take only their own values', (t) => {
  t.strictSame(messages({ byName: { any: '1KB', key: '2KB' }, level: 'high', note: null }), [])
  t.match(messages({ evry: '1d' }), [/^plugins\.p\.evry: /], 'another member')
  t.match(messages({ byName: { any: 'much' } }), [/^plugins\.p\.byName\.any: must be a size/])
  t.match(messages({ level: 'middle' }), [/^plugins\.p\.level: /], 'another text')
  t.match(messages({ note: 7 }), [/^plugins\.p\.note/], 'neither a text nor null')
  t.strictSame(messages({ most: 9, hours: { to: '18:00' } }), [])
  for (const most of [0, 10, 1.5]) {
    t.match(messages({ most }), [/^plugins\.p\.most: must be a whole number from 1 to 9/], `${most}`)
  }
  t.match(messages({ hours: { from: 8 } }), [/^plugins\.p\.hours\.from: /], 'a member that is no text')
  t.end()
})

t.test('a secret is read from a private file or from the environment only', (t) => {
  const file = join(t.testdir(), 'key')
  writeFileSync(file, 'hunter2\n', { mode: 0o600 })
  t.match(check({ key: { file } }), { value: { key: 'hunter2' }, problems: [] })
  process.env.TEST_SECRET = 'of the environment'
  t.teardown(() => delete process.env.TEST_SECRET)
  t.match(check({ key: { env: 'TEST_SECRET' } }), { value: { key: 'of the environment' } })
  const open = join(t.testdir(), 'open')
  writeFileSync(open, 'x', { mode: 0o644 })
  t.match(messages({ key: { file: open } }), [/^plugins\.p\.key: everybody can read or write .*chmod 600/])
  t.match(messages({ key: { file: '/nowhere' } }), [/^plugins\.p\.key: the file cannot be read/])
  t.match(messages({ key: { env: 'TEST_UNSET' } }), [/TEST_UNSET is not set/])
  for (const key of ['hunter2', {}, { file, env: 'X' }, { file: 'relative' }, { value: 'hunter2' }]) {
    t.match(messages({ key }), [/^plugins\.p\.key/], JSON.stringify(key))
    t.notMatch(messages({ key }).join(), 'hunter2')
  }
  t.end()
})

t.test('a plugin checks values against each other, and a check that throws is a problem too', (t) => {
  t.strictSame(messages({ every: '1m', largest: '1GB' }), ['plugins.p.largest: must not exceed `every`'])
  const broken = {
    ...plugin,
    validate() {
      throw new TypeError('reads what is not there')
    },
  }
  t.match(checkPluginConfig(broken, {}).problems, [{ path: ['plugins', 'p'], message: /'p' cannot check/ }])
  t.throws(() => createTestHost(plugin, { config: { every: '1m', largest: '1GB' } }), {
    code: 'MEZ_CONFIG_INVALID',
  })
  t.end()
})

t.test('a plugin reads its part of an app, again after a change, and never a secret', (t) => {
  let read: (app: object) => unknown = () => {}
  const windows = defineHubPlugin({
    name: 'windows',
    api: 1,
    summary: '',
    appConfig: Type.Closed({ for: Type.Duration({ default: '1h' }) }),
    setup({ use }) {
      read = use.appConfig
    },
  })
  createTestHost(windows)
  t.equal(read({}), null)
  t.equal(read({ plugins: { other: {} } }), null)
  const app = { plugins: { windows: {} } }
  t.strictSame(read(app), { for: 3_600_000 })
  t.equal(read(app), read(app), 'read once for each version of the app')
  t.strictSame(read({ plugins: { windows: { for: '5s' } } }), { for: 5_000 })
  t.throws(() => read({ plugins: { windows: { for: 5 } } }), { code: 'MEZ_CONFIG_INVALID' })
  const secret = Type.Closed({ key: Type.Secret() })
  t.throws(() => createTestHost({ ...windows, appConfig: secret }), { code: 'MEZ_PLUGIN_INVALID' })
  t.end()
})
