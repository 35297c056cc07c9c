/** What a plugin author imports. */
export { type Static, Type } from 'typebox'
export type { Access, SignIn, User, Users } from './api/access.ts'
export {
  type AgentHooks,
  agentHooks,
  type DialTarget,
  type LinkChanged,
} from './api/agent-hooks.ts'
export { agentTransports } from './api/agent-services.ts'
export type { App } from './api/app.ts'
export type { Assertion } from './api/assertion.ts'
export type { Audit, AuditSink } from './api/audit.ts'
export type { Actor, AuditEvent, AuditInput } from './api/audit-event.ts'
export type { Catalog } from './api/catalog.ts'
export type { Authorities } from './api/certificate-authorities.ts'
export type { CommandLogins } from './api/command-logins.ts'
export type {
  Database,
  Migrations,
  Transaction,
} from './api/database.ts'
export type {
  AccessContext,
  AccessQuery,
  Decision,
  Requirement,
  Requirements,
  Vote,
} from './api/decision.ts'
export type {
  Challenge,
  Credentials,
  ForwardContext,
  HeaderLines,
  HubCalls,
  HubHooks,
  Reply,
} from './api/hub-hooks.ts'
export * from './api/hub-services.ts'
export type { Cell, Histogram, Metrics } from './api/metrics.ts'
export { Problem } from './api/problem.ts'
export type {
  AppHostProtocol,
  CertifiedHttp,
  ConnectionInfo,
  NamedProtocol,
  Protocol,
  StreamRequest,
} from './api/protocol.ts'
export type { CallRate, ProxyLimits } from './api/proxy-limits.ts'
export type {
  Change,
  ChangeKind,
  Revisions,
  View,
} from './api/revisions.ts'
export type { RouteAccess } from './api/route.ts'
export type { SecretBox } from './api/secret-box.ts'
export type {
  EndReason,
  OpenSession,
  Session,
  SessionEnded,
} from './api/session.ts'
export type { SessionLimits } from './api/session-limits.ts'
export type {
  LiveStream,
  RunningChange,
  Sessions,
  SessionTickets,
  StreamRegistry,
} from './api/sessions.ts'
export type { LoginState, SignInDesk } from './api/sign-in.ts'
export type { SignInMethod } from './api/sign-in-method.ts'
export type { SatisfiedRequirement, Subject } from './api/subject.ts'
export type { AgentTransport, HubTransport } from './api/transport.ts'
export type { Link, Pipe, Tunnel, TunnelChanged } from './api/tunnel.ts'
export type { PublicNames, WebRoutes } from './api/web-routes.ts'
export { readCookie } from './hub/api-server/cookie.ts'
export { databaseProblem } from './hub/api-server/database-problem.ts'
export {
  LABEL_KEY,
  parseResource,
  type Resource,
  type ResourceMetadata,
  type ResourceOptions,
  resourceInvalid,
} from './hub/catalog/resource.ts'
export { formatDuration, parseDuration } from './hub/config/duration.ts'
export { addressKey } from './hub/limits/address-key.ts'
export { type ConcurrencyQuota, createConcurrencyQuota } from './hub/limits/concurrency-quota.ts'
export { createOverload, type Load, type Overload } from './hub/limits/overload.ts'
export { createRateLimit, type RateLimit } from './hub/limits/rate-limit.ts'
export { html, type Markup } from './hub/signin/pages/html.ts'
export { type Layout, renderPage } from './hub/signin/pages/layout.ts'
export { ROLE_NAME } from './hub/users/role-name.ts'
export { type Clock, systemClock } from './kernel/clock.ts'
export { isMezError, MezError, messageOf } from './kernel/error.ts'
export type { ErrorCode } from './kernel/error-codes.ts'
export type { Log } from './kernel/log.ts'
export { serviceRef, slotRef } from './kernel/reference.ts'
export { REASON_HEADER } from './wire/dial-headers.ts'
export { startHeartbeat } from './wire/heartbeat.ts'
export { type HostName, parseHost, parseHostValue } from './wire/host.ts'
export { readStreamHead } from './wire/http2-head.ts'
export { releaseListeners } from './wire/listener-release.ts'
export { lookupLocalhost } from './wire/localhost-lookup.ts'
export { OwedAnswers, silence } from './wire/pending-responses.ts'
export { readFraming } from './wire/request-framing.ts'
export { type Placed, Roster } from './wire/roster.ts'
export { resetStream, StreamPipe } from './wire/stream-pipe.ts'
export { APP_PROTOCOL_HEADER, MESSAGE_HEADER, PUBLIC_HOST_HEADER, TCP_ALPN } from './wire/tcp-protocol.ts'
export { LONGEST_TIMER_MS, SESSION_WINDOW, tunnelHttp2 } from './wire/tunnel-protocol.ts'
export { UnreadBudget } from './wire/unread-budget.ts'

import type { AgentHooks } from './api/agent-hooks.ts'
import type { HubHooks } from './api/hub-hooks.ts'
import { pluginDefiner } from './kernel/plugin.ts'

/** Describes the hub's half of a plugin; the default export of its `hub.ts`. */
export const defineHubPlugin = pluginDefiner<HubHooks>('hub')

/** Describes the agent's half of a plugin; the default export of its `agent.ts`. */
export const defineAgentPlugin = pluginDefiner<AgentHooks>('agent')
