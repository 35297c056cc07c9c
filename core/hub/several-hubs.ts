/** What several hubs on one PostgreSQL tell each other. A hub with an embedded database does not load it. */

export { createActivity } from '../gate/sessions/session-activity.ts'
export { createRegistry } from '../state/hubs/hub-registry.ts'
export { createAgentRelay } from '../traffic/relay/agent-relay.ts'
export { createPeers } from '../traffic/relay/peers.ts'
