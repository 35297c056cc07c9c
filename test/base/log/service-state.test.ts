// together: quick
/** Programs started by systemd report their state; `test/agent/mezd.test.ts` and `test/e2e/one-agent.test.ts` start some. */
import t from 'tap'
import { reportServiceState } from '../../../core/base/log/service-state.ts'
import { startServiceManager } from './service-manager.ts'

t.test('a state is reported to systemd, and a failure is logged', async (t) => {
  const warnings: object[] = []
  const log = { warn: (fields: object) => warnings.push(fields) } as never
  const manager = startServiceManager(t.testdir())

  await reportServiceState('READY=1', log, { PATH: manager.env.PATH })
  t.strictSame(manager.states(), [], 'not if something else started the program')

  await reportServiceState('READY=1', log, manager.env)
  await reportServiceState('STOPPING=1', log, manager.env)
  t.strictSame(manager.states(), ['READY=1', 'STOPPING=1'])
  t.strictSame(warnings, [])

  await reportServiceState('READY=1', log, { ...manager.env, PATH: '/nowhere' })
  t.match(warnings, [{ state: 'READY=1', error: /./ }])
})
