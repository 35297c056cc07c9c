/**
 * Everything that a plugin author imports. Some kinds of plugins need one of the entries `protocol`,
 * `identity` and `administration` as well.
 *
 * @public
 */
export type { Static } from 'typebox'
export type { DialTarget } from './api/agent-hooks.ts'
export type { App } from './api/app.ts'
export { appSources } from './api/app-sources.ts'
export {
  type Actor,
  type Audit,
  type AuditEvent,
  type AuditInput,
  type AuditSink,
  audit,
  auditSinks,
} from './api/audit.ts'
export { type Catalog, catalog } from './api/catalog.ts'
export { certificates } from './api/certificates.ts'
export { changeHolds } from './api/change-holds.ts'
export { Type } from './api/config-types.ts'
export { credentials } from './api/credentials.ts'
export { dashboardParts } from './api/dashboard.ts'
export {
  type Database,
  database,
  databaseChecks,
  type Migrations,
  migrations,
  type Transaction,
} from './api/database.ts'
export { databaseProblem } from './api/database-problem.ts'
export type { AccessQuery, Vote } from './api/decision.ts'
export { defineAgentPlugin, defineHubPlugin } from './api/define-plugin.ts'
export { defineResource } from './api/define-resource.ts'
export { denialHelp } from './api/denial-help.ts'
export { diagnosticsRoutes } from './api/diagnostics.ts'
export { DialRefusal } from './api/dial-refusal.ts'
export { dnsProviders } from './api/dns-providers.ts'
export { type Documentation, documentation } from './api/documentation.ts'
export { parseDuration } from './api/duration.ts'
export { grants } from './api/grants.ts'
export type { HttpRequest, HttpResponse } from './api/http-hooks.ts'
export { jobs } from './api/jobs.ts'
export { type Cell, type Metrics, metrics } from './api/metrics.ts'
export { type Notification, type Notifier, notifications, notifiers } from './api/notifications.ts'
export { operationReaders } from './api/operation-readers.ts'
export { html, type Pages, pages } from './api/pages.ts'
export { Problem } from './api/problem.ts'
export { defineReasons, problemFor } from './api/reasons.ts'
export { requestHolds } from './api/request-holds.ts'
export { type RequirementKind, requirements } from './api/requirement.ts'
export {
  entityTags,
  LABEL_KEY,
  parseResource,
  type Resource,
  resourceInvalid,
} from './api/resource.ts'
export { type AddRoute, apiRoutes, resourceRoutes } from './api/resource-routes.ts'
export { type Change, type Revisions, revisions, type View } from './api/revisions.ts'
export { ADMIN_VERBS, type AdminRights, type AdminRule, adminRights, adminRoles } from './api/rights.ts'
export { roleRules } from './api/role-rules.ts'
export { type SecretBox, secretBox } from './api/secret-box.ts'
export { type SessionLimits, sessionLimits } from './api/session-limits.ts'
export {
  type RunningChange,
  type Session,
  type Sessions,
  sessions,
} from './api/sessions.ts'
export {
  homeLinks,
  type SignInDesk,
  SignInFailure,
  type SignInMethod,
  signInDesk,
  signInMethods,
} from './api/sign-in.ts'
export type { Subject } from './api/subject.ts'
export { ROLE_NAME, type User, type Users, users } from './api/users.ts'
export { verifiers } from './api/verifiers.ts'
export { appsDomainOf, type PublicNames, publicNames, type WebRoutes, webRoutes } from './api/web-routes.ts'
export type { Clock } from './kernel/clock.ts'
export { nearMiss } from './kernel/config-check.ts'
export { isMezError, MezError, messageOf } from './kernel/error.ts'
export type { Log } from './kernel/log.ts'
export type { AnyPlugin } from './kernel/plugin.ts'
export { type ServiceRef, type SlotRef, serviceRef, slotRef } from './kernel/reference.ts'
export { inTurns } from './kernel/turns.ts'
// Leads the compiler to the names of all types that are mentioned here, for the declarations of plugins.
export type {} from './types.ts'
