import { runInNewContext } from 'node:vm'
import type { AuditInput } from '../api/audit.ts'
import { denialHelp, type Help } from '../api/denial-help.ts'
import { isLocalPath } from '../api/local-path.ts'
import { isMezError, messageOf } from '../kernel/error.ts'
import type { AnyPlugin } from '../kernel/plugin.ts'
import { checkPlugin } from '../kernel/plugin-check.ts'
import { isReasonCode } from '../kernel/reason.ts'
import type { ConformTest } from './conformance-test.ts'
import { testQuery } from './policy-conformance.ts'
import { watchEffects } from './side-effects.ts'
import { createTestHost, type TestHostOptions } from './test-host.ts'
import { testActor, testEvent } from './test-parts.ts'

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

  t.test('its offer after a denial is complete, and is returned at once', async (t) => {
    if (plugin.side !== 'hub') return void t.ok(true, 'agents deny nobody')
    const { app, subject } = testQuery()
    for (const { name, helpFor } of createTestHost(plugin, host).slot(denialHelp))
      for (const kind of ['session', 'bot'] as const)
        for (const reason of ['role_missing', 'label_mismatch']) {
          const who = { ...subject, kind, roles: reason === 'role_missing' ? [] : subject.roles }
          const url = `https://${app.publicAddr}/a?b="><script>`
          const help = helpFor(Object.freeze({ subject: who, app, reason, url, language: 'en' }))
          const fault = faultOf(help)
          t.ok(fault === null, `${name}, ${reason}: ${fault ?? 'complete'}`)
        }
  })

  t.test('it observes events of every kind without an error', async (t) => {
    if (plugin.side !== 'hub') return void t.ok(true, 'agents record none')
    const { taps, calls, log } = createTestHost<'hub'>(plugin, host)
    const observes = taps.some(({ hook }) => hook === 'audit.recorded')
    for (const input of EVENTS) if (observes) calls.audit.recorded(Object.freeze(testEvent(input)))
    const failed = log.filter((line) => line.includes('a tap failed'))
    t.ok(failed.length === 0, failed.join(' | ') || `${observes ? EVENTS.length : 0} events`)
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

/** With and without a person, an app and fields. */
const EVENTS: readonly AuditInput[] = [
  { type: 'hub.started', success: true },
  { type: 'access.denied', success: false, reason: 'origin_not_allowed', fields: { app: null } },
  { type: 'app.updated', success: true, by: testActor, fields: { app: 'wiki' } },
  {
    ...{ type: 'app.request', success: true, user: 'ann', roles: ['access'], clientIp: '192.0.2.1' },
    ...{ sessionId: 'session-1', requestId: 'request-1' },
    fields: {
      app: 'wiki',
      agent: 'node-1',
      method: 'GET',
      path: '/',
      status: 200,
      bytes_in: 0,
      bytes_out: 9,
    },
  },
]

function faultOf(help: unknown): string | null {
  if (help === null) return null
  if (help instanceof Promise || typeof help !== 'object') return 'it is not an offer'
  const { title, text, path, reason } = help as Partial<Record<keyof Help, unknown>>
  if (typeof title !== 'string' || title.trim() === '' || title.includes('\n'))
    return 'it has no title in one line'
  if (typeof text !== 'string' || text.trim() === '') return 'it has no text'
  if (path !== undefined && (typeof path !== 'string' || !isLocalPath(path))) return `${path} is not a path`
  const stable = reason === undefined || isReasonCode(reason)
  return stable ? null : `the reason ${JSON.stringify(reason)} is not in snake_case`
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
