/** What programs that speak to a hub need: light to load, nothing of the hub or the kernel's plugins. */

export { type Clock, systemClock } from '../kernel/clock.ts'
export { isMezError, MezError } from '../kernel/error.ts'
export { REASON_HEADER } from './dial-headers.ts'
export { startHeartbeat } from './heartbeat.ts'
export { connectHub, type HubReach } from './hub-connection.ts'
export { lookupLocalhost } from './localhost-lookup.ts'
export { readFraming } from './request-framing.ts'
export { relaySocket } from './socket-relay.ts'
export { resetSocket } from './socket-reset.ts'
export { resetStream, StreamPipe } from './stream-pipe.ts'
export * from './tcp-protocol.ts'
export * from './tunnel-protocol.ts'
