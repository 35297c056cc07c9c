import { runInNewContext } from 'node:vm'
import { isMezError, messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { checkPlugin } from '../kernel/plugin-check.ts'
import type { ConformTest } from './conformance-test.ts'
import { watchEffects } from './side-effects.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

/** Inputs of `conformPlugin`. */
export interface ConformPluginOptions extends TestHostOptions {
  /** Configurations that the plugin must reject. */
  readonly refused?: readonly unknown[]
}

/**
 * Checks the rules for every plugin: a valid definition, a schema that rejects misspelled keys, a setup that writes no file
 * and opens no port, and a lifecycle that works twice in one process and leaves nothing open. `config` is a valid
 * configuration, `use` provides the needs.
 */
export function conformPlugin(t: ConformTest, plugin: AnyPlugin, options: ConformPluginOptions = {}): void {
  const { refused = [], ...host } = options

  t.test('the definition is valid', async (t) => {
    checkPlugin(plugin, plugin.side)
    t.ok(plugin.summary.trim() !== '', 'it has a summary')
    t.ok(!plugin.summary.includes('\n'), 'in one line')
  })

  t.test('misspelled keys of its configuration are rejected', async (t) => {
    const slip = { ...(host.config as object | undefined), 'no-such-key': true }
    for (const config of [slip, ...refused]) {
      const error = thrownBy(() => createTestHost(plugin, { ...host, config }))
      t.ok(isMezError(error, 'MEZ_CONFIG_INVALID'), `${JSON.stringify(config)}: ${messageOf(error)}`)
    }
  })

  t.test('setup works twice in one process and shares nothing', async (t) => {
    const [one, other] = [createTestHost(plugin, host), createTestHost(plugin, host)]
    t.ok(JSON.stringify(one.taps) === JSON.stringify(other.taps), 'the same taps')
    const silent = one.log.every((line) => !/ (?:ERROR|WARN) /.test(line))
    t.ok(silent, `no warning: ${one.log.join(' | ')}`)
  })

  t.test('setup only wires: it writes no file, opens no port and starts no program', async (t) => {
    const effects = await watchEffects(() => void createTestHost(plugin, host))
    const changes = effects.calls.filter(({ kind }) => kind === 'write' || kind === 'program')
    const opened = await effects.left()
    effects.end()
    const all = [...changes.map(({ name }) => name), ...opened.filter((kind) => kind !== 'a timer')]
    t.ok(all.length === 0, `files, ports and programs: ${all.join(', ') || 'none'}`)
  })

  t.test('after its stop no timer, port or watcher is left', async (t) => {
    const effects = await watchEffects(async () => {
      const started = createTestHost(plugin, host)
      await started.start()
      await started.stop()
    })
    const left = await effects.left()
    effects.end()
    t.ok(left.length === 0, left.join(', ') || 'nothing is left')
  })

  t.test('it changes no built-in object', async (t) => {
    const started = createTestHost(plugin, host)
    await started.start()
    await started.stop()
    const changed = BUILT_IN.flatMap((name) => {
      const { prototype } = (globalThis as unknown as Record<string, { prototype: object }>)[name]!
      const pristine: readonly PropertyKey[] = runInNewContext(`Reflect.ownKeys(${name}.prototype)`)
      const added = Reflect.ownKeys(prototype).filter((key) => !pristine.includes(key))
      return added.map((key) => `${name}.prototype.${String(key)}`)
    })
    t.ok(changed.length === 0, changed.join(', ') || 'none')
  })

  t.test('it starts and stops, and stops without a start and twice', async (t) => {
    const never = createTestHost(plugin, host)
    await never.stop()
    await never.stop()
    for (const round of ['first', 'second']) {
      const started = createTestHost(plugin, host)
      await started.start()
      await started.stop()
      await started.stop()
      t.ok(true, `${round} life`)
    }
  })
}

const BUILT_IN = ['Object', 'Array', 'Function', 'String', 'Number', 'Promise', 'Map', 'Set', 'RegExp']

function thrownBy(run: () => unknown): unknown {
  try {
    run()
    return new Error('it was accepted')
  } catch (error) {
    return error
  }
}
