// together: hubs
/** A hub whose requests could leave no record starts only when the configuration says that this is meant. */
import { auditSinks, defineHubPlugin } from '@mezite/core'
import { createTestHub } from '@mezite/core/testing'
import t from 'tap'

const off = { plugins: { 'audit-database': false } }
const write = async () => {}
const bestEffort = defineHubPlugin({
  name: 'best-effort',
  api: 1,
  summary: 'Loses events under load',
  provides: { auditSinks },
  setup: ({ provide }) =>
    provide.auditSinks({ name: 'best-effort', guarantee: 'best-effort', write, flush: write }),
})

t.test('without an enforced audit sink the hub refuses to start', async (t) => {
  const message = /no enforced audit sink .*best-effort/
  await t.rejects(createTestHub({ config: off, plugins: [bestEffort] }), {
    code: 'MEZ_AUDIT_MISSING',
    message,
  })
})

t.test('with `audit: none` the hub starts and logs that it records nothing', async (t) => {
  const hub = await createTestHub({ config: { ...off, audit: 'none' } })
  t.teardown(() => hub.stop())
  t.ok(hub.log.some((line) => / WARN .*audit: none/.test(line)))
  const refused = createTestHub({ config: { ...off, audit: 'some' } })
  await t.rejects(refused, { code: 'MEZ_CONFIG_INVALID', message: /audit: must be none/ })
})
