import { runTogether } from './together.ts'

/**
 * Tests of the hub that start one each share a process, under the conditions of `quick.test.ts`: a hub starts there
 * for a quarter of the processor time that loading its sources takes.
 */
await runTogether(import.meta.url, [
  './agent/doctor.test.ts',
  './docs/page-examples.test.ts',
  './examples/audit-stdout.test.ts',
  './gate/access/access.test.ts',
  './gate/access/account-groups.test.ts',
  './gate/access/explanation.test.ts',
  './web/server/api-server.test.ts',
  './web/server/long-response.test.ts',
  './plugins/admin-api/attention.test.ts',
  './web/server/route-guard.test.ts',
  './state/audit/audit.test.ts',
  './state/audit/required-sink.test.ts',
  './program/cli.test.ts',
  './program/doctor.test.ts',
  './traffic/http/slow-bodies.test.ts',
  './hub/late-rejections.test.ts',
  './traffic/listener/hub-relay.test.ts',
  './traffic/listener/listener.test.ts',
  './traffic/listener/strangers.test.ts',
  './hub/plugin-answers.test.ts',
  './hub/routes.test.ts',
  './gate/sessions/session-maintenance.test.ts',
  './hub/shutdown.test.ts',
  './hub/standard-set.test.ts',
  './kernel/lifetime.test.ts',
  './oclif-cli/mezctl-dashboard.test.ts',
  './oclif-cli/readme-commands.test.ts',
])
