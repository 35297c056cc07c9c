/** What several hubs on one PostgreSQL tell each other. A hub with an embedded database does not load it. */

export { createPeers } from '../cluster/peers.ts'
export { createAgentRelay } from '../cluster/relay/agent-relay.ts'
export { createActivity } from '../gate/sessions/session-activity.ts'
export { createRegistry } from '../state/hubs/hub-registry.ts'
