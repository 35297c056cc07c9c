/** What several hubs on one PostgreSQL tell each other. A hub with an embedded database does not load it. */
export { createRegistry } from './hub-registry.ts'
export { createPeers } from './peers.ts'
export { createAgentRelay } from './relay/agent-relay.ts'
export { createActivity } from './session-activity.ts'
