import { runTogether } from './together.ts'

/** Tests of agents and their links to hubs, in one process for the reason that `hubs.test.ts` gives. */
await runTogether(import.meta.url, [
  './agent/hostile-carriers.test.ts',
  './agent/join.test.ts',
  './agent/link-supervisor.test.ts',
  './agent/refusals.test.ts',
  './cluster/relay.test.ts',
  './hub/tunnel/carrier-gate.test.ts',
  './hub/tunnel/carriers.test.ts',
  './hub/tunnel/companion.test.ts',
  './hub/tunnel/crossings.test.ts',
  './hub/tunnel/hostile-agent.test.ts',
  './hub/tunnel/routes.test.ts',
  './hub/tunnel/several-agents.test.ts',
  './hub/tunnel/tunnel.test.ts',
])
