import { runTogether } from './together.ts'

/** Tests of agents and their links to hubs, in one process for the reason that `hubs.test.ts` gives. */
await runTogether(import.meta.url, [
  './agent/hostile-carriers.test.ts',
  './agent/join.test.ts',
  './agent/link-supervisor.test.ts',
  './agent/refusals.test.ts',
  './traffic/relay/relay.test.ts',
  './traffic/tunnel/carrier-gate.test.ts',
  './traffic/tunnel/carriers.test.ts',
  './traffic/tunnel/companion.test.ts',
  './traffic/tunnel/crossings.test.ts',
  './traffic/tunnel/hostile-agent.test.ts',
  './traffic/tunnel/routes.test.ts',
  './traffic/tunnel/several-agents.test.ts',
  './traffic/tunnel/tunnel.test.ts',
])
