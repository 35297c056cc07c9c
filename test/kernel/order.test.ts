// together: quick
import t from 'tap'
import { orderPlugins } from '../../core/kernel/order.ts'
import type { AnyPlugin } from '../../core/kernel/plugin.ts'
import { type Refs, serviceRef, slotRef } from '../../core/kernel/reference.ts'

const one = serviceRef<number>('one')
const two = serviceRef<number>('two')
const list = slotRef<string>('list')

const plugin = (name: string, refs: { needs?: Refs; wants?: Refs; provides?: Refs } = {}): AnyPlugin => ({
  side: 'hub',
  name,
  api: 1,
  summary: '',
  setup() {},
  ...refs,
})
const names = (...args: Parameters<typeof orderPlugins>) => orderPlugins(...args).map(({ name }) => name)

t.test(
  'providers are set up first, whatever the names; otherwise names decide, not the order of loading',
  (t) => {
    const plugins = [
      plugin('c'),
      plugin('a', { needs: { one } }),
      plugin('z', { provides: { one } }),
      plugin('b', { wants: { two } }),
      plugin('y', { provides: { two } }),
    ]
    t.strictSame(names(plugins), ['c', 'y', 'b', 'z', 'a'])
    t.strictSame(names(plugins.toReversed()), ['c', 'y', 'b', 'z', 'a'])
    t.end()
  },
)

t.test('readers of a slot are set up after all contributors, and an empty slot is allowed', (t) => {
  const reader = plugin('a', { needs: { list } })
  t.strictSame(names([reader, plugin('b', { provides: { list } }), plugin('c', { provides: { list } })]), [
    'b',
    'c',
    'a',
  ])
  t.strictSame(names([reader]), ['a'])
  t.end()
})

t.test('a plugin that reads a slot and contributes to it comes after the others that contribute', (t) => {
  const reader = plugin('a', { needs: { list }, provides: { list } })
  t.strictSame(names([reader, plugin('z', { provides: { list } })]), ['z', 'a'])
  t.end()
})

t.test('a cycle is printed without the plugins that only wait for it', (t) => {
  const plugins = [
    plugin('a', { needs: { two }, provides: { one } }),
    plugin('b', { needs: { one }, provides: { two } }),
    plugin('0', { needs: { one } }),
  ]
  t.throws(() => names(plugins), { code: 'MEZ_PLUGIN_CYCLE', message: /: 'a' -> 'b' -> 'a'$/ })
  const self = [plugin('s', { needs: { one }, provides: { one } })]
  t.throws(() => names(self), { code: 'MEZ_PLUGIN_CYCLE', message: /: 's' -> 's'$/ })
  const readers = ['r', 's'].map((name) => plugin(name, { needs: { list }, provides: { list } }))
  t.throws(() => names(readers), { code: 'MEZ_PLUGIN_CYCLE', message: /: 'r' -> 's' -> 'r'$/ })
  t.end()
})

t.test('a missing service is reported with its user and the plugin to add', (t) => {
  const plugins = [plugin('a', { needs: { one } })]
  t.throws(() => names(plugins), {
    code: 'MEZ_SERVICE_MISSING',
    message: "plugin 'a' needs the service 'one', which no plugin provides",
    hint: /Add a plugin that provides 'one'/,
  })
  t.throws(() => names(plugins, { suggestions: { one: 'giver' } }), {
    code: 'MEZ_SERVICE_MISSING',
    hint: /Add 'giver'/,
  })
  t.strictSame(names(plugins, { provided: ['one'] }), ['a'])
  t.strictSame(names([plugin('a', { wants: { one } })]), ['a'])
  t.end()
})

t.test('two providers of one service are named', (t) => {
  const plugins = [plugin('a', { provides: { one } }), plugin('b', { provides: { one } })]
  t.throws(() => names(plugins), {
    code: 'MEZ_SERVICE_TWICE',
    message: /'one' is provided by plugin 'a' and by plugin 'b'/,
  })
  t.throws(() => names(plugins.slice(1), { provided: ['one'] }), {
    code: 'MEZ_SERVICE_TWICE',
    message: /plugin 'b' and by the program itself/,
  })
  t.end()
})
