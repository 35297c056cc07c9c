import { isMezError, messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { checkPlugin } from '../kernel/plugin-check.ts'
import type { ConformTest } from './conformance-test.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

/** Inputs of `conformPlugin`. */
export interface ConformPluginOptions extends TestHostOptions {
  /** Configurations that the plugin must reject. */
  readonly refused?: readonly unknown[]
}

/**
 * Checks the rules for every plugin: a valid definition, a schema that rejects misspelled keys, a setup without side
 * effects, and a lifecycle that works twice in one process. `config` is a valid configuration, `use` provides the needs.
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

function thrownBy(run: () => unknown): unknown {
  try {
    run()
    return new Error('it was accepted')
  } catch (error) {
    return error
  }
}
