/**
 * For protocols, transports and programs that speak to a hub, in addition to `@mezite/core`: byte streams, framing,
 * heartbeats and budgets. Unstable until 1.0: names and signatures may change in any release.
 *
 * @beta
 */
export {
  type Access,
  access,
  type Callers,
  type LockView,
  locks,
  type PresentedRequest,
} from './api/access.ts'
export { type Administration, administration } from './api/administration.ts'
export type { Admission, AdmissionQuery, Caller, Refusal, RefusalReason } from './api/admission.ts'
export type { HttpVersion } from './api/app.ts'
export { type AppKind, appKinds } from './api/app-kinds.ts'
export type { AppSource, AppsProposed, ProposedApp } from './api/app-sources.ts'
export { type Assertion, assertion } from './api/assertion.ts'
export { type Attention, attention } from './api/attention.ts'
export {
  type BotLogins,
  type BotProof,
  botLogins,
  type ProvenBot,
} from './api/bot-logins.ts'
export { createBoundedFetch, gaveNoResponse, isLinkLocal, isLoopback } from './api/bounded-fetch.ts'
export {
  type Authorities,
  type AuthorityKey,
  type AuthorityName,
  authorities,
  type IssuedCertificate,
} from './api/certificate-authorities.ts'
export type { Collection } from './api/collection.ts'
export { type CommandLogins, commandLogins } from './api/command-logins.ts'
export { type Confirmations, confirmations } from './api/confirmations.ts'
export type {
  CertifiedCaller,
  Credential,
  CredentialRefusal,
  CredentialRequest,
} from './api/credentials.ts'
export type { AccessContext } from './api/decision.ts'
export type { DenialHelp, DeniedAccess, Help, OfferedApp } from './api/denial-help.ts'
export { type Explanations, explanations } from './api/explanations.ts'
export type { Grant, Grants, NewGrant } from './api/grants.ts'
export { headerOwner, isReservedInResponse, plainHeaderName } from './api/header-names.ts'
export type { HeaderLines } from './api/http-hooks.ts'
export { type HttpHooks, httpHooks } from './api/hub-hooks.ts'
export { type HubState, hubState } from './api/hub-state.ts'
export {
  type IdentityFact,
  type IdentityPart,
  type IdentityValue,
  identityFact,
  identityParts,
} from './api/identity-value.ts'
export { type ListOrder, PageQuery, pageOf } from './api/paging.ts'
export {
  type AppHostProtocol,
  type CertifiedHttp,
  type ConnectionInfo,
  certifiedHttp,
  type LaneResponse,
  type NamedProtocol,
  type Protocol,
  protocols,
  type RequestHead,
  type RoutedRequest,
  type StreamRequest,
} from './api/protocol.ts'
export { type ProxyLimits, proxyLimits } from './api/proxy-limits.ts'
export type { RoleFault, RoleReader, RoleRule, RuledRole } from './api/role-rules.ts'
export type { EndReason, SessionTickets, StreamRegistry } from './api/sessions.ts'
export {
  CACHED_MS,
  createSigningKeys,
  type ListedKey,
  type SigningKey,
  type SigningKeyRow,
  type SigningKeys,
} from './api/signing-keys.ts'
export {
  type AgentTransport,
  agentTransports,
  type HubTarget,
  type HubTransport,
  type TransportPath,
  transports,
} from './api/transport.ts'
export { type Link, type OpenOptions, type Pipe, type Tunnel, tunnel } from './api/tunnel.ts'
export type { UnidentifiedRequest, Verification, Verifier } from './api/verifiers.ts'
export { tooLargeResponse } from './hub/http/cookie-reset.ts'
export { discardRest } from './hub/http/http1-connection.ts'
export { formLines, framedLines, ownLines } from './hub/http/page.ts'
export { type HubResponse, isNavigation, type Requester, requesterOf } from './hub/http/refusal.ts'
export { addressKey } from './hub/limits/address-key.ts'
export {
  type ConcurrencyQuota,
  createConcurrencyQuota,
  createOverload,
  type Load,
  type Overload,
} from './hub/limits/concurrency-quota.ts'
export { createRateLimit, type RateLimit } from './hub/limits/rate-limit.ts'
export { isLocalPath } from './hub/signin/return-target.ts'
export { type Clock, systemClock } from './kernel/clock.ts'
export { causesOf, isMezError } from './kernel/error.ts'
export { cookiesIn, readCookie } from './wire/cookie.ts'
export { REASON_HEADER } from './wire/dial-headers.ts'
export { grpcErrorLines, isGrpcCall } from './wire/grpc-status.ts'
export { isHeaderLine, takeHeaderLine } from './wire/header-line.ts'
export { startHeartbeat } from './wire/heartbeat.ts'
export { connectHub, type HubReach } from './wire/hub-connection.ts'
export { releaseListeners } from './wire/listener-release.ts'
export { lookupLocalhost } from './wire/localhost-lookup.ts'
export { createNetworks, isNetwork, type Networks } from './wire/networks.ts'
export { PipeDuplex } from './wire/pipe-duplex.ts'
export { readFraming } from './wire/request-framing.ts'
export { Roster, type RosterMember } from './wire/roster.ts'
export { relaySocket } from './wire/socket-relay.ts'
export { resetSocket } from './wire/socket-reset.ts'
export { resetStream, StreamPipe } from './wire/stream-pipe.ts'
export * from './wire/tcp-protocol.ts'
export { LONGEST_TIMER_MS, SESSION_WINDOW, tunnelHttp2 } from './wire/tunnel-protocol.ts'
export { UnreadBudget } from './wire/unread-budget.ts'
export { mapUris } from './wire/uri-headers.ts'
