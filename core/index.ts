/** What a plugin author imports. */
export { type Static, Type } from 'typebox'
export {
  type AgentHooks,
  agentHooks,
  type DialTarget,
  type LinkChanged,
} from './agent/hooks.ts'
export { agentTransports } from './agent/references.ts'
export type { Access, SignIn, User, Users } from './hub/access/access.ts'
export type {
  AccessContext,
  AccessQuery,
  Decision,
  Requirement,
  Requirements,
  Vote,
} from './hub/access/decision.ts'
export { ROLE_NAME } from './hub/access/role-name.ts'
export type { SatisfiedRequirement, Subject } from './hub/access/subject.ts'
export type { Audit, AuditSink } from './hub/audit/audit.ts'
export type { Actor, AuditEvent, AuditInput } from './hub/audit/audit-event.ts'
export type { App } from './hub/catalog/app.ts'
export type { Catalog } from './hub/catalog/catalog.ts'
export {
  LABEL_KEY,
  parseResource,
  type Resource,
  type ResourceMetadata,
  type ResourceOptions,
  resourceInvalid,
} from './hub/catalog/resource.ts'
export { formatDuration, parseDuration } from './hub/config/duration.ts'
export type {
  Change,
  ChangeKind,
  Changes,
  View,
} from './hub/database/changes.ts'
export type {
  Database,
  Migrations,
  Transaction,
} from './hub/database/database.ts'
export type { Cell, Histogram, Metrics } from './hub/diagnostics/metrics.ts'
export type {
  AppHostProtocol,
  CertifiedHttp,
  ConnectionInfo,
  NamedProtocol,
  Protocol,
  StreamRequest,
} from './hub/front/protocol.ts'
export type {
  Challenge,
  Credentials,
  ForwardContext,
  HeaderLines,
  HubCalls,
  HubHooks,
  Reply,
} from './hub/hooks.ts'
export type { Authorities } from './hub/keys/authorities.ts'
export type { Vault } from './hub/keys/vault.ts'
export { addressKey } from './hub/limits/address-key.ts'
export { type Counts, createCounts } from './hub/limits/counts.ts'
export { createLoad, type Load, type Overload } from './hub/limits/create-load.ts'
export type { CallRate, ProxyLimits } from './hub/limits/proxy-limits.ts'
export { createRateLimit, type RateLimit } from './hub/limits/rate-limit.ts'
export * from './hub/references.ts'
export type {
  EndReason,
  OpenSession,
  Session,
  SessionEnded,
} from './hub/sessions/session.ts'
export type { SessionLimits } from './hub/sessions/session-limits.ts'
export type {
  Handover,
  LiveStream,
  LiveStreams,
  RunningChange,
  Sessions,
} from './hub/sessions/sessions.ts'
export type { AgentTransport, HubTransport } from './hub/tunnel/transport.ts'
export type { Link, Pipe, Tunnel, TunnelChanged } from './hub/tunnel/tunnel.ts'
export type { Assertion } from './hub/web/assertion.ts'
export type { CommandLogins } from './hub/web/command-logins.ts'
export { databaseProblem } from './hub/web/database-problem.ts'
export { html, type Markup } from './hub/web/pages/html.ts'
export { type Layout, renderPage } from './hub/web/pages/layout.ts'
export { Problem } from './hub/web/problem.ts'
export { readCookie } from './hub/web/read-cookie.ts'
export type { RouteAccess } from './hub/web/request.ts'
export type { LoginState, SignInDesk } from './hub/web/sign-in.ts'
export type { SignInMethod } from './hub/web/sign-in-method.ts'
export type { PublicNames, WebRoutes } from './hub/web/web-routes.ts'
export { type Clock, systemClock } from './kernel/clock.ts'
export { isMezError, MezError, messageOf } from './kernel/error.ts'
export type { ErrorCode } from './kernel/error-codes.ts'
export type { Log } from './kernel/log.ts'
export { serviceRef, slotRef } from './kernel/reference.ts'
export { REASON_HEADER } from './wire/dial-headers.ts'
export { startHeartbeat } from './wire/heartbeat.ts'
export { lookupLocalhost } from './wire/lookup-localhost.ts'
export { OwedAnswers, silence } from './wire/owed-answers.ts'
export { type HostName, parseHost, parseHostValue } from './wire/parse-host.ts'
export { readStreamHead } from './wire/read-stream-head.ts'
export { releaseListeners } from './wire/release-listeners.ts'
export { readFraming } from './wire/request-framing.ts'
export { type Placed, Roster } from './wire/roster.ts'
export { resetStream, StreamPipe } from './wire/stream-pipe.ts'
export { APP_PROTOCOL_HEADER, MESSAGE_HEADER, PUBLIC_HOST_HEADER, TCP_ALPN } from './wire/tcp-protocol.ts'
export { LONGEST_TIMER_MS, SESSION_WINDOW, tunnelHttp2 } from './wire/tunnel-protocol.ts'
export { UnreadBudget } from './wire/unread-budget.ts'

import type { AgentHooks } from './agent/hooks.ts'
import type { HubHooks } from './hub/hooks.ts'
import { pluginDefiner } from './kernel/plugin.ts'

/** Describes the hub's half of a plugin; the default export of its `hub.ts`. */
export const defineHubPlugin = pluginDefiner<HubHooks>('hub')

/** Describes the agent's half of a plugin; the default export of its `agent.ts`. */
export const defineAgentPlugin = pluginDefiner<AgentHooks>('agent')
