import { isMezError, messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { checkPlugin } from '../kernel/plugin-check.ts'
import type { ConformTest } from './conformance-test.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'

/** What `conformPlugin` tries a plugin with. */
export interface ConformPluginOptions extends TestHostOptions {
  /** Slices that the plugin must refuse. */
  readonly refused?: readonly unknown[]
}

/**
 * Checks what every plugin owes: a valid definition, a schema that refuses slips, a setup that only wires, and a life
 * that can be had twice in one process. `config` must be a slice that is accepted, `use` what the plugin needs.
 */
export function conformPlugin(t: ConformTest, plugin: AnyPlugin, options: ConformPluginOptions = {}): void {
  const { refused = [], ...host } = options

  t.test('the definition is valid', async (t) => {
    checkPlugin(plugin, plugin.side)
    t.ok(plugin.summary.trim() !== '', 'it says what it does')
    t.ok(!plugin.summary.includes('\n'), 'in one line')
  })

  t.test('slips in its configuration are refused', async (t) => {
    const slip = { ...(host.config as object | undefined), 'no-such-key': true }
    for (const config of [slip, ...refused]) {
      const error = thrownBy(() => createTestHost(plugin, { ...host, config }))
      t.ok(isMezError(error, 'MEZ_CONFIG_INVALID'), `${JSON.stringify(config)}: ${messageOf(error)}`)
    }
  })

  t.test('setup wires, twice in one process, without a trace in between', async (t) => {
    const [one, other] = [createTestHost(plugin, host), createTestHost(plugin, host)]
    t.ok(JSON.stringify(one.taps) === JSON.stringify(other.taps), 'the same taps')
    const silent = one.log.every((line) => !/ (?:ERROR|WARN) /.test(line))
    t.ok(silent, `no complaint: ${one.log.join(' | ')}`)
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
    return new Error('it is accepted')
  } catch (error) {
    return error
  }
}
