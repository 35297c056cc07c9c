/**
 * Types alone: every type that a name of `@mezite/core` and its other entries mentions, for authors who name one and for the
 * compiler, which writes them into the declarations of a plugin. Each is as stable as the names that mention it.
 */

export type { Callers, PresentedRequest, VerificationDemand, VisibleApp } from './api/access.ts'
export type {
  AppAdministration,
  AppInput,
  AuthorityAdministration,
  JoinToken,
  JoinTokenAdministration,
  NewHolder,
  ProbeResult,
  RotationPhase,
  RotationStep,
  UserAdministration,
  Waiting,
} from './api/administration.ts'
export type { AdmissionQuery, HiddenHeaders, RefusalReason } from './api/admission.ts'
export type { AgentHooks, agentHooks, LinkChanged } from './api/agent-hooks.ts'
export type { AppDisplay, HeaderChange, HttpVersion } from './api/app.ts'
export type { AppSource } from './api/app-sources.ts'
export type { AppVerdict, ProxiedRequest } from './api/app-verdicts.ts'
export type { Findings } from './api/attention.ts'
export type { GivenLabels, GivenRights } from './api/audit.ts'
export type { AuthorityKey, AuthorityState, IssuedCertificate } from './api/certificate-authorities.ts'
export type { CertificateSource, CertificateState, ServerCertificate } from './api/certificates.ts'
export type {
  AdminCall,
  AdminCalls,
  AskedCall,
  CallAnswer,
  CallMakers,
  ChangeHold,
} from './api/change-holds.ts'
export type { StoredChange } from './api/collection.ts'
export type { BoundedOptions, ConfigTypes, TypeOptions } from './api/config-types.ts'
export type { PasskeySignature, Statement, Statements } from './api/confirmations.ts'
export type {
  Bot,
  Bots,
  CertificateCredential,
  CookieCredential,
  CredentialDocument,
  CredentialPlace,
  HeaderCredential,
  NamedCredential,
} from './api/credentials.ts'
export type {
  DashboardBlock,
  DashboardField,
  DashboardForm,
  DashboardLayout,
  DashboardPart,
  DashboardValue,
} from './api/dashboard.ts'
export type { DatabaseCheck } from './api/database.ts'
export type {
  AccessContext,
  AccessRequest,
  Decision,
  DenialDetails,
  ReceivedRequest,
  VoteLine,
} from './api/decision.ts'
export type {
  NewRow,
  ResourceChange,
  ResourceDefinition,
  ResourceParts,
  WithinChange,
} from './api/define-resource.ts'
export type { DenialHelp, DeniedAccess, Help, OfferedApp } from './api/denial-help.ts'
export type { DiagnosticsResponse, DiagnosticsRoute } from './api/diagnostics.ts'
export type { DnsProvider, DnsRecord } from './api/dns-providers.ts'
export type { DocumentationPlace } from './api/documentation.ts'
export type { Explanation, Outlook } from './api/explanations.ts'
export type { Grant, NewGrant } from './api/grants.ts'
export type {
  BodyTransform,
  HeaderLines,
  HttpRefusal,
  HttpRequestContext,
  HttpResponseContext,
} from './api/http-hooks.ts'
export type { Challenge, HubHooks, hubHooks, Reply } from './api/hub-hooks.ts'
export type { JobState, PluginRow, SinkState } from './api/hub-state.ts'
export type { IdentityFact, IdentityValue } from './api/identity-value.ts'
export type { Job, Jobs } from './api/jobs.ts'
export type { Combination, Histogram, MetricFamily, MetricSample, Reading } from './api/metrics.ts'
export type { Notifications, NotifierMessage } from './api/notifications.ts'
export type {
  OperationReader,
  OperationRefusal,
  OperationResponse,
  ReadableRequest,
  ReadOperations,
  RefusedOperation,
  RequestOperations,
} from './api/operation-readers.ts'
export type { Brand, Language, Markup, PageAsset, PageLayout } from './api/pages.ts'
export type { ListOrder } from './api/paging.ts'
export type { PathPattern } from './api/path-pattern.ts'
export type { LackedRight } from './api/problem.ts'
export type { LaneResponse, LaneWatcher, RequestHead, StreamRequest } from './api/protocol.ts'
export type { CallRate } from './api/proxy-limits.ts'
export type { CoreReasons, ProblemMakers } from './api/reasons.ts'
export type { RecordedRequest, RecordedRequests } from './api/recorded-requests.ts'
export type { HeldRequest, Hold, RequestHold } from './api/request-holds.ts'
export type { Requirement } from './api/requirement.ts'
export type { Preconditions, ResourceMetadata, ResourceOptions } from './api/resource.ts'
export type {
  ResourceCall,
  ResourceFace,
  ResourceForm,
  ResourceList,
  ResourceRoute,
  ResourceVerb,
  ResourceView,
} from './api/resource-routes.ts'
export type { ChangeKind } from './api/revisions.ts'
export type { AdminRight, AdminRoles, AdminRules, AdminVerb, RowAccess, RowLabels } from './api/rights.ts'
export type {
  RequestPreview,
  RoleChange,
  RoleFault,
  RoleReader,
  RoleRule,
  RuledRole,
} from './api/role-rules.ts'
export type { SecretPlace } from './api/secret-box.ts'
export type {
  OpenSession,
  SessionActivity,
  SessionEnded,
  SessionKind,
  SessionTickets,
  StreamRegistry,
} from './api/sessions.ts'
export type {
  HomeLink,
  LoginState,
  ProgramAccess,
  SignedIn,
  SignInChoice,
  SignInForm,
} from './api/sign-in.ts'
export type { ListedKey } from './api/signing-keys.ts'
export type { Principal, SatisfiedRequirement } from './api/subject.ts'
export type { TransportPath } from './api/transport.ts'
export type { AppState, Link, OpenOptions, TunnelChanged } from './api/tunnel.ts'
export type { UserName } from './api/user-name.ts'
export type { NameRelease, Profile, SignIn } from './api/users.ts'
export type { ClientCertificate, UnidentifiedRequest, Verification, Verifier } from './api/verifiers.ts'
export type { AccountSection, HomeApp, HomeView, RouteAccess } from './api/web-routes.ts'
export type { ConcurrencyQuota, Load, Overload } from './base/limits/concurrency-quota.ts'
export type { ValueProblem } from './kernel/config-check.ts'
export type {
  AnyHook,
  Ballots,
  CallFn,
  Hook,
  HookCalls,
  HookKind,
  HookOptions,
  HookTree,
  Stage,
  TapFn,
  TapGuard,
  TapOptions,
  TapView,
} from './kernel/hook.ts'
export type { PluginStatus } from './kernel/kernel.ts'
export type { PartStatus } from './kernel/parts.ts'
export type {
  AppConfigReader,
  ConfiguredApp,
  Host,
  PLUGIN_API,
  PluginDefiner,
  PluginDefinition,
  PluginSide,
} from './kernel/plugin.ts'
export type { Reason, Reasons } from './kernel/reason.ts'
export type { Contributed, Received, Ref, Refs } from './kernel/reference.ts'
export type { LocalAgent, LocalAgentOptions } from './program/dev/local-agent.ts'
export type { Requester } from './traffic/http/refusal.ts'
export type { StreamMeter } from './wire/bulk-streams.ts'
export type { HubReach } from './wire/hub-connection.ts'
export type { FramingFault, FramingLines, RequestFraming } from './wire/request-framing.ts'
export type { RosterMember } from './wire/roster.ts'
export type { AccountWatcher, StreamAccount } from './wire/unread-budget.ts'
