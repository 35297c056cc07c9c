/**
 * For protocols, transports and programs that speak to a hub, in addition to `@mezite/core`: byte streams, framing,
 * heartbeats and budgets. Unstable until 1.0: names and signatures may change in any release. Some names have one user today, the
 * plugin http-apps: they are contract, because a second protocol that carries HTTP needs the same ones.
 *
 * @beta
 */
export { type Access, access } from './api/access.ts'
export type { Admission, Refusal } from './api/admission.ts'
export { type AppKind, appKinds } from './api/app-kinds.ts'
export { type AppVerdicts, appVerdicts } from './api/app-verdicts.ts'
export { headerOwner, isReservedInResponse, plainHeaderName } from './api/header-names.ts'
export { type HttpHooks, httpHooks } from './api/hub-hooks.ts'
export { formLines, framedLines, ownLines } from './api/page-lines.ts'
export {
  type AppHostProtocol,
  type CertifiedHttp,
  type ConnectionInfo,
  certifiedHttp,
  type NamedProtocol,
  type Protocol,
  protocols,
  type RoutedRequest,
} from './api/protocol.ts'
export { type ProxyLimits, proxyLimits } from './api/proxy-limits.ts'
export type { EndReason } from './api/sessions.ts'
export {
  type AgentTransport,
  agentTransports,
  type HubTarget,
  type HubTransport,
  transports,
} from './api/transport.ts'
export { type Pipe, type Tunnel, tunnel } from './api/tunnel.ts'
export { addressKey } from './base/limits/address-key.ts'
export {
  createConcurrencyQuota,
  createOverload,
} from './base/limits/concurrency-quota.ts'
export { createRateLimit, type RateLimit } from './base/limits/rate-limit.ts'
export { systemClock } from './kernel/clock.ts'
export { isMezError } from './kernel/error.ts'
export { tooLargeResponse } from './traffic/http/cookie-reset.ts'
export { discardRest } from './traffic/http/http1-connection.ts'
export { type HubResponse, isNavigation, requesterOf } from './traffic/http/refusal.ts'
// Leads the compiler to the names of all types that are mentioned here, for the declarations of plugins.
export type {} from './types.ts'
export { REASON_HEADER } from './wire/dial-headers.ts'
export { grpcErrorLines, isGrpcCall } from './wire/grpc-status.ts'
export { isHeaderLine, takeHeaderLine } from './wire/header-line.ts'
export { startHeartbeat } from './wire/heartbeat.ts'
export { connectHub } from './wire/hub-connection.ts'
export { releaseListeners } from './wire/listener-release.ts'
export { lookupLocalhost } from './wire/localhost-lookup.ts'
export { PipeDuplex } from './wire/pipe-duplex.ts'
export { readFraming } from './wire/request-framing.ts'
export { Roster } from './wire/roster.ts'
export { relaySocket } from './wire/socket-relay.ts'
export { resetSocket } from './wire/socket-reset.ts'
export { resetStream, StreamPipe } from './wire/stream-pipe.ts'
export * from './wire/tcp-protocol.ts'
export { LONGEST_TIMER_MS, SESSION_WINDOW, tunnelHttp2 } from './wire/tunnel-protocol.ts'
export { UnreadBudget } from './wire/unread-budget.ts'
export { mapUris } from './wire/uri-headers.ts'
