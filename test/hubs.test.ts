/**
 * Tests of hub and agent that start a hub each share a process, under the conditions of `quick.test.ts`: a hub starts there
 * for a quarter of the processor time that loading its sources takes.
 */
import './agent/refusals.test.ts'
import './examples/audit-stdout.test.ts'
import './examples/framed-transport.test.ts'
import './examples/office-hours.test.ts'
import './hub/access/access.test.ts'
import './hub/access/explanation.test.ts'
import './hub/api-server/api-server.test.ts'
import './hub/api-server/attention.test.ts'
import './hub/api-server/route-guard.test.ts'
import './hub/audit/audit.test.ts'
import './hub/audit/required-sink.test.ts'
import './hub/cli.test.ts'
import './hub/listener/listener.test.ts'
import './hub/routes.test.ts'
import './hub/sessions/session-maintenance.test.ts'
import './hub/standard-set.test.ts'
import './hub/tunnel/crossings.test.ts'
import './hub/tunnel/routes.test.ts'
import './hub/tunnel/several-agents.test.ts'
import './hub/tunnel/tunnel.test.ts'
